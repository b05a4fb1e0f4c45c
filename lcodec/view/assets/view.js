
"use strict";

const go = (rel) => document.querySelector(`a[rel=${rel}]`)?.click();
const onKeys = (keys) => document.addEventListener("keydown", (event) => {
  const act = keys[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
onKeys({ n: () => go("next"), p: () => go("prev") });

// The name of a file is beside its thumbnail, so what is told of the thumbnail is that it is not there.
for (const image of document.querySelectorAll(".folder li img")) {
  image.addEventListener("error", () => { image.alt = "no preview"; });
}

// One picture: zoom is pixels of the screen (not of CSS) per pixel of the picture.
(() => {
  const stage = document.querySelector(".stage");
  if (!stage) return;
  const image = stage.querySelector("img");
  const output = document.querySelector(".zoom output");
  const panel = document.querySelector("aside");
  const width = Number(image.getAttribute("width"));
  const height = Number(image.getAttribute("height"));
  const ratio = () => window.devicePixelRatio || 1;
  const MAX = 32;
  let zoom = 1;
  let fitted = true;

  const whole = () => Math.min(stage.clientWidth / width, stage.clientHeight / height) * ratio();

  // The point of the picture at `x`, `y` of the stage stays where it is.
  const setZoom = (wanted, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
    const before = image.getBoundingClientRect();
    const box = stage.getBoundingClientRect();
    const across = (box.left + x - before.left) / (before.width || 1);
    const down = (box.top + y - before.top) / (before.height || 1);
    zoom = Math.min(MAX, Math.max(Math.min(1, whole()) / 4, wanted));
    image.style.width = `${(width * zoom) / ratio()}px`;
    image.style.height = `${(height * zoom) / ratio()}px`;
    image.classList.toggle("sharp", zoom >= 2);
    const after = image.getBoundingClientRect();
    stage.scrollLeft += after.left + across * after.width - (box.left + x);
    stage.scrollTop += after.top + down * after.height - (box.top + y);
    const percent = 100 * zoom;
    output.textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
  };
  const free = (wanted, x, y) => { fitted = false; setZoom(wanted, x, y); };
  const fit = () => { fitted = true; setZoom(Math.min(1, whole())); };

  const acts = {
    in: () => free(zoom * Math.SQRT2), out: () => free(zoom / Math.SQRT2), fit,
    actual: () => free(1), double: () => free(2),
    panel: () => {
      panel.hidden = !panel.hidden;
      document.querySelector("[data-act=panel]").setAttribute("aria-expanded", !panel.hidden);
      if (fitted) fit();
    },
  };
  onKeys({
    "+": acts.in, "=": acts.in, "-": acts.out, 0: fit, 1: acts.actual, 2: acts.double,
    h: acts.panel,
  });
  for (const button of document.querySelectorAll("[data-act]")) {
    button.addEventListener("click", acts[button.dataset.act]);
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    free(zoom * 2 ** ((-event.deltaY * lines) / 240), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" || event.button !== 0) return; // touch scrolls by itself
    event.preventDefault();
    stage.focus();
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    if (!stage.classList.contains("moving")) return;
    stage.scrollLeft -= event.movementX;
    stage.scrollTop -= event.movementY;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => stage.classList.remove("moving"));
  }
  new ResizeObserver(() => { if (fitted) fit(); }).observe(stage);
  document.querySelector(".zoom").hidden = false;
  document.querySelector(".keys").hidden = false;
  fit();
  image.decode().then(
    () => { document.body.dataset.ready = `${image.naturalWidth}x${image.naturalHeight}`; },
    () => { document.body.dataset.ready = "failed"; },
  );
})();
