// One browser for all tests, and a page that remembers everything that went wrong in it.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: this runs from "go test ./web/browser"`);
  return value;
};

export const base = need("DRIFTLINE_URL");
export const ids = {
  alarm: need("DRIFTLINE_ALARM"),
  retrain: need("DRIFTLINE_RETRAIN"),
  run: need("DRIFTLINE_RUN"),
  hostile: need("DRIFTLINE_HOSTILE"),
  partAlarm: need("DRIFTLINE_PART_ALARM"),
  answersAlarm: need("DRIFTLINE_ANSWERS_ALARM"),
  part: need("DRIFTLINE_PART"),
  oddPart: need("DRIFTLINE_ODD_PART"),
};

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({
    executablePath: need("DRIFTLINE_CHROMIUM"),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-domain-reliability",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
    ],
  });

// open makes a page of its own context. Its faults are everything a person at the
// console would see: errors, broken policies, dialogs, answers that are not OK,
// requests that leave the server.
export async function open(browser, { theme = "light", width = 1280, script = true } = {}) {
  const context = await browser.newContext({
    baseURL: base,
    colorScheme: theme,
    javaScriptEnabled: script,
    viewport: { width, height: 800 },
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") faults.push(`console ${m.type()}: ${m.text()}`);
  });
  page.on("pageerror", (e) => faults.push(`error: ${e.message}`));
  page.on("dialog", async (d) => {
    faults.push(`dialog: ${d.message()}`);
    await d.dismiss();
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(base + "/")) faults.push(`request elsewhere: ${r.url()}`);
  });
  page.on("response", (r) => {
    if (r.status() >= 400) faults.push(`status ${r.status()}: ${r.url()}`);
  });
  return { context, page, faults };
}

// axe returns the violations of the page as lines: rule, element, what to mend.
// The source goes in through the debugger, so the page's policy stays in force.
export async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap((v) =>
    v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target.join(" ")}: ${n.failureSummary.replace(/\s+/g, " ")}`),
  );
}

// shot keeps a picture of a page whose test failed.
export async function shot(page, name) {
  const dir = process.env.DRIFTLINE_SHOTS;
  if (!dir || page.isClosed()) return;
  mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name.replace(/[^a-z0-9]+/gi, "-")}.png`), fullPage: true });
}
