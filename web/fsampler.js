// FSampler Report, FSampler Record and FSampler Compare show, after a run, the text of their output on the node.
import { app } from "../../scripts/app.js";

const WIDTHS = { FSamplerReport: 480, FSamplerRecord: 480, FSamplerCompare: 320 }; // pixels; charts are wide
const HEIGHT = 56; // four lines, more scrolls

function addText(node) {
  const element = document.createElement("textarea");
  element.className = "comfy-multiline-input";
  element.readOnly = true;
  element.placeholder = "Shows what the last run did.";
  const widget = node.addDOMWidget("fsampler_text", "fsampler_text", element, {
    serialize: false, // not in the prompt
    getMinHeight: () => HEIGHT,
    getMaxHeight: () => HEIGHT,
    getValue: () => element.value,
    setValue: (text) => { element.value = text ?? ""; },
  });
  widget.serialize = false; // nor in the workflow: widgets_values stays as it is without this widget
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width, WIDTHS[node.comfyClass]), Math.max(node.size[1], height)]);
  return widget;
}

app.registerExtension({
  name: "fsampler.text",
  nodeCreated(node) {
    if (!(node.comfyClass in WIDTHS)) return;
    const widget = addText(node);
    const onExecuted = node.onExecuted;
    node.onExecuted = function (output) {
      onExecuted?.apply(this, arguments);
      if (output?.text) widget.value = output.text.join("\n");
    };
  },
});
