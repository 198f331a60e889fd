// What a person clicks and sees. Runs against the world of web/webtest, from browser_test.go.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe, base, ids, launch, open, shot } from "./browser.js";

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

// inPage runs one test in a page of its own and demands that nothing went wrong in it.
function inPage(name, options, body) {
  test(name, { timeout: 120_000 }, async () => {
    const { context, page, faults } = await open(browser, options);
    try {
      await body(page, faults);
      assert.deepEqual(faults, []);
    } catch (err) {
      await shot(page, name);
      throw err;
    } finally {
      await context.close();
    }
  });
}

const path = (page) => page.url().slice(base.length);
const heading = (page) => page.getByRole("heading", { level: 1 });
const nav = (page, name) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();

const seg = encodeURIComponent;
const pages = {
  fleet: "/",
  model: "/models/bike%20demand",
  "quiet model": "/models/churn",
  "model without data": "/models/fraud",
  "model with a hostile name": `/models/${seg(ids.hostile)}`,
  "part of a model's traffic": `/models/bike%20demand?segment=${seg(ids.part)}`,
  "part with an odd name": `/models/bike%20demand?segment=${seg(ids.oddPart)}`,
  "alarm of predictions": `/alarms/${ids.answersAlarm}`,
  "alarm of a part": `/alarms/${ids.partAlarm}`,
  alarms: "/alarms",
  alarm: `/alarms/${ids.alarm}`,
  retrains: "/retrains",
  retrain: `/retrains/${ids.retrain}`,
  registry: "/registry",
  versions: "/registry/bike%20demand",
  experiments: "/experiments",
  experiment: "/experiments/0",
  run: `/runs/${ids.run}`,
  streams: "/streams",
};

inPage("a person follows an alarm from the fleet to the version it led to", {}, async (page) => {
  await page.goto("/");
  assert.equal(await heading(page).innerText(), "Models");
  const row = page.getByRole("row").filter({ hasText: "bike demand" });
  assert.match(await row.innerText(), /Drift[\s\S]*v2[\s\S]*hour[\s\S]*5 of 10/);

  await row.getByRole("link", { name: "bike demand" }).click();
  assert.equal(path(page), "/models/bike%20demand");
  await page.getByText("Now: 5 of 10 features drifted").waitFor();
  await page.getByRole("navigation", { name: "What is drawn" }).getByRole("link", { name: "90d" }).click();
  assert.match(path(page), /range=90d/);
  assert.equal(await page.getByRole("link", { name: "90d" }).getAttribute("aria-current"), "true");
  await page.goBack();

  // The shaded stretch of the drawing is the alarm: a click leads to it.
  await page.locator("svg a rect.span.alarm").first().click();
  assert.equal(path(page), `/alarms/${ids.alarm}`);
  assert.match(await heading(page).innerText(), /Why did this fire\?/);
  await page.getByText("share 0.40 ≥ 0.3").first().waitFor();
  await page.getByText("CloudEvent").first().click();
  await page.getByText('"specversion"').first().waitFor();

  await page.getByRole("link", { name: ids.retrain.slice(0, 8) }).first().click();
  assert.equal(path(page), `/retrains/${ids.retrain}`);
  const gate = page.getByRole("row").filter({ hasText: "accuracy_gain" });
  assert.match(await gate.innerText(), /pass[\s\S]*0\.043[\s\S]*0\.012 to 0\.071/);

  await page.getByRole("link", { name: "version 2" }).first().click();
  assert.equal(path(page), "/registry/bike%20demand");
  await page.getByText("Version 2 is champion").waitFor();
  await page.getByRole("row").filter({ hasText: "champion" }).getByRole("link").first().click();
  assert.equal(path(page), `/runs/${ids.run}`);
  assert.match(await heading(page).innerText(), /nightly <i>run<\/i>/);
});

inPage("a person follows a part of the traffic to its alarm", {}, async (page) => {
  await page.goto(pages.model);
  const row = page.getByRole("row").filter({ hasText: ids.part }).first();
  assert.match(await row.innerText(), /42/);
  await row.getByRole("link", { name: ids.part }).click();
  assert.equal(new URL(page.url()).searchParams.get("segment"), ids.part);
  await page.getByText(`The part ${ids.part} of the traffic is in alarm`).waitFor();
  await page.getByRole("navigation", { name: "What is drawn" }).getByRole("link", { name: "90d" }).click();
  assert.equal(new URL(page.url()).searchParams.get("segment"), ids.part, "the range keeps the part");
  await page.goBack();
  await page.locator("svg a rect.span.alarm").first().click();
  assert.equal(path(page), `/alarms/${ids.partAlarm}`);
  await page.getByText("starts no retrain").first().waitFor();

  await page.goto(pages.model);
  await page.getByRole("link", { name: ids.oddPart }).click();
  assert.equal(new URL(page.url()).searchParams.get("segment"), ids.oddPart);
  assert.ok((await heading(page).innerText()).includes(ids.oddPart), "an odd name is shown as it is");
});

inPage("the menu leads everywhere and says where one is", {}, async (page) => {
  await page.goto("/");
  for (const [name, where] of [["Alarms", "/alarms"], ["Retrains", "/retrains"], ["Registry", "/registry"], ["Streams", "/streams"], ["Models", "/"]]) {
    await nav(page, name);
    assert.equal(path(page), where);
    const here = page.getByRole("navigation", { name: "Main" }).locator('[aria-current="page"]');
    assert.deepEqual(await here.allInnerTexts(), [name]);
  }
});

inPage("streams say what became of each record, and who is silent", {}, async (page) => {
  await page.goto("/");
  await nav(page, "Streams");
  await page.getByText("120,000 records read").waitFor();
  await page.getByText("1 of 2 sources have sent no news").waitFor();
  assert.match(await page.getByRole("row").filter({ hasText: "unregistered" }).innerText(), /900/);
});

inPage("the keyboard alone reaches the content", {}, async (page) => {
  await page.goto("/");
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "To the content");
  const box = await page.locator("a.skip").boundingBox();
  assert.ok(box.x >= 0 && box.y >= 0 && box.height > 10, `the skip link shows when it has the focus: ${JSON.stringify(box)}`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.closest("main") !== null), "after the skip link, Tab is inside the content");
  for (let i = 0; i < 10 && (await focused()) !== "bike demand"; i++) await page.keyboard.press("Tab");
  assert.equal(await focused(), "bike demand");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/models/bike%20demand");
});

inPage("Tab visits every link in order, each with a visible focus", {}, async (page) => {
  for (const where of ["/", pages.alarm, pages.versions, pages["part of a model's traffic"]]) {
    await page.goto(where);
    const want = await page.locator("a[href]:visible, summary:visible, [tabindex='0']:visible").count();
    const seen = [];
    for (let i = 0; i < want; i++) {
      await page.keyboard.press("Tab");
      seen.push(
        await page.evaluate(() => {
          const e = document.activeElement;
          const s = getComputedStyle(e);
          e.dataset.seen = "yes";
          return { name: `${e.tagName} ${e.textContent.trim().slice(0, 30)}`, ring: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 };
        }),
      );
    }
    assert.equal(await page.locator("[data-seen]").count(), want, `${where}: Tab visits all`);
    assert.deepEqual(seen.filter((x) => !x.ring), [], `${where}: without a visible focus`);
  }
});

const mlflow = {
  "/#/experiments/0": "/experiments/0",
  [`/#/experiments/0/runs/${ids.run}`]: `/runs/${ids.run}`,
  "/#/models/bike%20demand": "/registry/bike%20demand",
  "/#/models/bike%20demand/versions/2": "/registry/bike%20demand#v2",
};
for (const [link, where] of Object.entries(mlflow)) {
  inPage(`the link ${link.replace(ids.run, "RUN")} of an MLflow client lands on our page`, {}, async (page) => {
    await page.goto(link);
    await page.waitForURL(base + where);
    assert.equal(await heading(page).count(), 1);
    if (where.endsWith("#v2")) assert.ok(await page.locator("#v2").isVisible());
  });
}

inPage("without script every page is the same", { script: false }, async (page) => {
  await page.goto("/");
  await page.getByRole("link", { name: "bike demand" }).click();
  await page.getByText("Now: 5 of 10 features drifted").waitFor();
  assert.ok(await page.locator("svg rect.cell").first().isVisible());
});

test("what is not there says what to do", { timeout: 60_000 }, async () => {
  const { context, page, faults } = await open(browser);
  try {
    const answer = await page.goto("/models/nobody");
    assert.equal(answer.status(), 404);
    await page.getByText("What to do:").waitFor();
    assert.deepEqual(await axe(page), []);
    assert.ok(faults.every((f) => f.includes("404")), faults.join("\n"));
  } finally {
    await context.close();
  }
});

for (const theme of ["light", "dark"]) {
  for (const width of [1280, 420]) {
    inPage(`every page is accessible and fits: ${theme}, ${width} pixels`, { theme, width }, async (page) => {
      const bad = [];
      for (const [name, where] of Object.entries(pages)) {
        await page.goto(where);
        if ((await heading(page).count()) !== 1) bad.push(`${name}: not one h1`);
        const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 0) bad.push(`${name}: ${wide} pixels too wide`);
        bad.push(...(await axe(page)).map((v) => `${name}: ${v}`));
      }
      assert.deepEqual(bad, []);
      const light = await page.evaluate(() => {
        const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
        return r + g + b > 384;
      });
      assert.equal(light, theme === "light", "the background follows the theme");
    });
  }
}

test("the checks bite: axe, policy and console are really watched", { timeout: 60_000 }, async () => {
  const { context, page, faults } = await open(browser);
  try {
    await page.goto("/");
    await page.evaluate(() => {
      document.documentElement.removeAttribute("lang");
      document.body.insertAdjacentHTML("beforeend", '<p style="color:red">x</p>');
      console.error("seen");
    });
    assert.ok((await axe(page)).some((v) => v.startsWith("html-has-lang")), "axe finds a page without language");
    assert.ok(faults.some((f) => f.includes("Content Security Policy")), `an inline style breaks the policy: ${faults}`);
    assert.ok(faults.includes("console error: seen"), "errors of the console are seen");
  } finally {
    await context.close();
  }
});
