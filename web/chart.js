// The chart of a run as HTML: it takes the node's width, the theme's colours, and type that is not scaled down.
import { app } from "../../scripts/app.js";

const WORDS = {
  en: { waiting: "Shows what the last run did.", real: "model called", skip: "predicted", estimate: "estimated error" },
  zh: { waiting: "显示上次运行的情况。", real: "调用模型", skip: "预测", estimate: "估计误差" },
};
const LABELS = 20; // as many steps get a number, at most

export function words() {
  const locale = app.extensionManager?.setting?.get?.("Comfy.Locale") ?? "en";
  return WORDS[String(locale).split("-")[0]] ?? WORDS.en;
}

export function style() {
  const sheet = document.createElement("style");
  sheet.textContent = `
    .fsampler-result { display: flex; flex-direction: column; gap: 4px; height: 100%; box-sizing: border-box; }
    .fsampler-result textarea { flex: 1; min-height: 0; width: 100%; resize: none; }
    .fsampler-chart { font: 11px sans-serif; color: var(--input-text, inherit); padding: 0 4px; }
    .fsampler-chart .bars { display: flex; height: 40px; }
    .fsampler-chart .bars > div { flex: 1; position: relative; margin-right: min(2px, 15%); box-sizing: border-box; }
    .fsampler-chart .R { background: #3b82c4; }
    .fsampler-chart .S { border: 1px solid #8a9099; }
    .fsampler-chart .E { position: absolute; left: 0; right: 0; height: 3px; background: #e07b39; }
    .fsampler-chart .E.part { height: 1px; }
    .fsampler-chart .steps { display: flex; height: 16px; }
    .fsampler-chart .steps > div { flex: 1; width: 0; text-align: center; overflow: visible; white-space: nowrap; }
    .fsampler-chart .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
    .fsampler-chart .legend span { display: flex; align-items: center; gap: 5px; }
    .fsampler-chart .legend i { position: static; width: 12px; height: 10px; box-sizing: border-box; }
    .fsampler-chart .legend i.E { height: 3px; }`;
  return sheet;
}

function element(kind, name, ...inside) {
  const made = document.createElement(kind);
  made.className = name;
  made.append(...inside);
  return made;
}

// steps: a letter a step, R or S; estimates: of each step, a share of the largest is drawn; null has none. parts: of
// each step the estimates of a pack's parts, of which the largest is in estimates; only there for a pack.
export function chart({ steps, estimates, parts = [] }) {
  const said = words(), largest = Math.max(0, ...estimates.filter((one) => one !== null));
  const bars = element("div", "bars"), numbers = element("div", "steps");
  const every = Math.max(1, Math.ceil(steps.length / LABELS));
  [...steps].forEach((kind, step) => {
    const bar = element("div", kind), estimate = estimates[step], each = parts[step] ?? [];
    const told = each.length ? each.join(" | ") : estimate;
    bar.title = `${step}: ${kind === "R" ? said.real : said.skip}${estimate === null ? "" : `, ${said.estimate} ${told}`}`;
    for (const [one, mark] of [...each.map((part) => [part, "E part"]), [estimate, "E"]]) {
      if (one === null || largest <= 0) continue;
      const line = element("div", mark);
      line.style.bottom = `${Math.min(one / largest, 1) * 90}%`;
      bar.append(line);
    }
    bars.append(bar);
    numbers.append(element("div", "", step % every ? "" : String(step)));
  });
  const legend = element("div", "legend");
  for (const [mark, word] of [["R", said.real], ["S", said.skip], ["E", said.estimate]]) {
    if (mark !== "E" || largest > 0) legend.append(element("span", "", element("i", mark), word));
  }
  const whole = element("div", "fsampler-chart", bars, numbers, legend);
  whole.setAttribute("role", "img");
  whole.setAttribute("aria-label", steps);
  return whole;
}
