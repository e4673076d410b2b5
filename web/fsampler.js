// On FSampler Report, FSampler Record and FSampler Compare: what the last run came to. On the nodes that skip: a text for the mode.
import { app } from "../../scripts/app.js";
import { chart, style, words } from "./chart.js";

// Pixels: width of the node, height of the text.
const SIZES = { FSamplerReport: [480, 168], FSamplerRecord: [480, 96], FSamplerCompare: [320, 56] };

function addResult(node) {
  const [wide, high] = SIZES[node.comfyClass];
  const box = document.createElement("div"), text = document.createElement("textarea");
  box.className = "fsampler-result";
  text.className = "comfy-multiline-input";
  text.readOnly = true;
  text.placeholder = words().waiting;
  box.append(text);
  const widget = node.addDOMWidget("fsampler_text", "fsampler_text", box, {
    serialize: false, // not in the prompt
    getMinHeight: () => high,
    getMaxHeight: () => high,
    getValue: () => text.value,
    setValue: (value) => { text.value = value ?? ""; },
  });
  widget.serialize = false; // nor in widgets_values, which stay as they are without this widget
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width, wide), Math.max(node.size[1], height)]);
  return (result) => {
    box.querySelector(".fsampler-chart")?.remove();
    text.value = result?.text ?? "";
    if (result?.steps) box.prepend(chart(result));
  };
}

// What a node keeps of an execution's output, small enough to be saved with the workflow.
function kept(output) {
  const result = { text: output.text.join("\n") };
  if (output.json) {
    const first = new Map(); // a step's first evaluation
    const report = JSON.parse(output.json[0]), rounded = (figure) => figure && Number(figure.toPrecision(3));
    for (const record of report.records) if (!first.has(record.step)) first.set(record.step, record);
    const records = [...first.values()];
    result.steps = records.map((record) => record.kind[0]).join("");
    result.estimates = records.map((record) => rounded(record.estimate));
    if (report.parts) result.parts = records.map((record) => (record.by_part ?? []).map(rounded));
  }
  return result;
}

function showResults(node) {
  const show = addResult(node);
  const onExecuted = node.onExecuted;
  node.onExecuted = function (output) {
    onExecuted?.apply(this, arguments);
    if (output?.text) show((this.properties.fsampler = kept(output)));
  };
  // After undo, a change of tabs or a reload the node is a new one: the page has its output, or the workflow has it.
  node.fsamplerRestore = () => {
    const output = app.nodeOutputs?.[node.id];
    if (output?.text) node.properties.fsampler = kept(output);
    if (node.properties.fsampler) show(node.properties.fsampler);
  };
}

// The page adds widgets of its own for previews and progress texts, and saves their values with those of a node, which
// are known by their places.
function saveOwnValues(node) {
  const onSerialize = node.onSerialize;
  node.onSerialize = function (data) {
    onSerialize?.apply(this, arguments);
    const own = this.widgets?.findIndex((widget) => widget.name.startsWith("$$")) ?? -1;
    if (own >= 0) data.widgets_values?.splice(own);
  };
}

function takeTexts(node) {
  const mode = node.widgets?.find((widget) => widget.name === "mode");
  const custom = node.widgets?.find((widget) => widget.name === "custom_mode");
  const slot = node.inputs?.find((input) => input.name === "mode");
  if (slot) slot.type = "COMBO,STRING";
  if (!mode || !custom) return;
  const follow = () => { mode.disabled = !!String(custom.value ?? "").trim(); }; // it is not used then, and looks so
  const callback = custom.callback;
  custom.callback = function () { callback?.apply(this, arguments); follow(); };
  follow();
}

app.registerExtension({
  name: "fsampler.text",
  setup: () => document.head.append(style()),
  nodeCreated(node) {
    if (node.comfyClass in SIZES) showResults(node);
    else if (node.comfyClass?.startsWith("FSampler")) {
      takeTexts(node);
      saveOwnValues(node);
    }
  },
  loadedGraphNode(node) {
    if (node.comfyClass in SIZES) {
      node.fsamplerRestore();
      setTimeout(node.fsamplerRestore, 300); // a change of tabs brings the outputs after the nodes
    } else if (node.comfyClass?.startsWith("FSampler")) takeTexts(node);
  },
});
