// Each picture is in the page once; further places copy it. The slider is a range input, so that keys move it.
"use strict";
for (const image of document.querySelectorAll("img[data-of]"))
  image.src = document.getElementById(image.dataset.of).src;
for (const pair of document.querySelectorAll(".pair")) {
  const range = pair.querySelector("input");
  const show = () => {
    pair.style.setProperty("--at", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " % full run, then " + pair.dataset.mode);
  };
  const move = event => {
    const box = pair.getBoundingClientRect();
    range.value = 100 * (event.clientX - box.left) / box.width;
    show();
  };
  range.addEventListener("input", show);
  pair.addEventListener("pointerdown", event => {
    event.preventDefault();
    pair.setPointerCapture(event.pointerId);
    range.focus({preventScroll: true});
    move(event);
  });
  pair.addEventListener("pointermove", event => pair.hasPointerCapture(event.pointerId) && move(event));
  show();
}
