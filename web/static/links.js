// Links that MLflow clients print are fragments of "/": send them to the pages here,
// also when one is pasted into a tab that already shows "/".
(function () {
  "use strict";
  function follow() {
    var hash = location.hash;
    var run = /^#\/experiments\/[^/?]+\/runs\/([^/?]+)/.exec(hash);
    var experiment = /^#\/experiments\/([^/?]+)/.exec(hash);
    var model = /^#\/models\/([^/?]+)(?:\/versions\/([0-9]+))?/.exec(hash);
    if (location.pathname !== "/") {
      return;
    }
    if (run) {
      location.replace("/runs/" + run[1]);
    } else if (experiment) {
      location.replace("/experiments/" + experiment[1]);
    } else if (model) {
      location.replace("/registry/" + model[1] + (model[2] ? "#v" + model[2] : ""));
    }
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
