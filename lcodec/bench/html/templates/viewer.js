"use strict";

// Pictures of one size, looked at together. Every canvas shows the same place at the same zoom:
// `x`, `y` is the point of the picture in its middle, `zoom` is pixels of the screen per pixel of
// the picture. A view is a set of images, one a picture, that show the same part of it.
(() => {
  const MAX_ZOOM = 64;
  const SHARP = 2; // from this magnification on, pixels are shown as squares
  const ALTERNATE_MS = 700;
  const KEY_STEP = 1 / 8; // of the canvas

  const element = (name, parent, className = "") => {
    const made = document.createElement(name);
    made.className = className;
    parent.append(made);
    return made;
  };

  // The contents of captions, in order; a string is put in as text.
  const fill = (target, ...parts) => {
    const nodes = parts.map((part) => part.cloneNode?.(true).childNodes ?? [part]);
    target.replaceChildren(...nodes.flatMap((list) => [...list]));
  };

  class Viewer {
    constructor(section) {
      this.root = section.querySelector(".viewer");
      this.sources = section.querySelector(".sources");
      this.views = [...this.sources.children].map(readView);
      this.names = [...this.sources.children[0].querySelectorAll("figcaption")];
      this.first = this.root.querySelector(".first");
      this.second = this.root.querySelector(".second");
      this.divider = this.root.querySelector(".divider");
      this.gain = this.root.querySelector(".gain");
      this.view = this.views[0];
      this.region = this.view.region; // what is fitted in
      this.mode = "side";
      this.other = false; // flicker shows B
      this.current = 0; // of one at a time
      this.closeUp = 1; // zoom at which places are opened
      this.fitted = true;
      this.timer = null;
      this.waiting = false;
      this.zoom = 1;
      const stage = this.root.querySelector(".stage");
      this.screens = this.names.map((name) => this.makeScreen(stage, name));
      this.pair = this.makeScreen(stage, "");
      this.pair.figure.className = "alone";
      this.places = [...this.root.querySelectorAll(".places button")];
      this.listen();
    }

    async start() {
      this.sources.hidden = true;
      this.root.hidden = false;
      const images = this.views.flatMap((view) => view.images);
      await Promise.all(images.map((image) => image.decode().catch(() => null)));
      this.places.forEach((button) => this.drawThumbnail(button));
      this.setMode("side");
      this.goTo(this.places[0]);
      this.root.dataset.ready = "yes";
    }

    makeScreen(stage, caption) {
      const figure = element("figure", stage);
      const canvas = element("canvas", element("div", figure, "ground"));
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "img");
      const screen = { figure, canvas, caption: element("figcaption", figure) };
      fill(screen.caption, caption);
      canvas.setAttribute("aria-label", screen.caption.textContent);
      new ResizeObserver(() => this.resize(canvas)).observe(canvas);
      this.listenToPointers(canvas);
      return screen;
    }

    get shown() {
      return this.mode === "side" ? this.screens : [this.pair];
    }

    // ---- what is seen

    resize(canvas) {
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
      if (this.fitted) this.fit(this.region);
      this.draw();
    }

    fit(region) {
      const { canvas } = this.shown[0];
      this.region = region;
      this.fitted = true;
      this.zoom = Math.min(canvas.width / region.width, canvas.height / region.height);
      this.zoom = Math.min(MAX_ZOOM, this.zoom);
      this.x = region.left + region.width / 2;
      this.y = region.top + region.height / 2;
      this.draw();
    }

    // The point of the picture at that place of the canvas, its middle if none is given, stays.
    zoomTo(zoom, canvas = this.shown[0].canvas, atX = canvas.width / 2, atY = canvas.height / 2) {
      const before = this.zoom;
      const { width, height } = this.view.region;
      const whole = Math.min(canvas.width / width, canvas.height / height);
      this.zoom = Math.max(Math.min(whole, 1) / 2, Math.min(MAX_ZOOM, zoom));
      this.moveBy((atX - canvas.width / 2) * (1 / before - 1 / this.zoom),
                  (atY - canvas.height / 2) * (1 / before - 1 / this.zoom));
    }

    moveBy(dx, dy) {
      const { left, top, width, height } = this.view.region;
      this.x = Math.max(left, Math.min(left + width, this.x + dx));
      this.y = Math.max(top, Math.min(top + height, this.y + dy));
      this.fitted = false;
      this.draw();
    }

    goTo(button) {
      const [left, top, width, height] = button.dataset.region.split(" ").map(Number);
      this.view = this.views[Number(button.dataset.view)];
      this.places.forEach((each) => each.setAttribute("aria-pressed", each === button));
      const { width: w, height: h } = this.view.region;
      for (const { canvas } of [...this.screens, this.pair]) canvas.style.aspectRatio = `${w} / ${h}`;
      const pane = Number(button.dataset.pane);
      if (pane === 0) {
        this.fit(this.view.region);
        return;
      }
      this.current = pane;
      if (Number(this.first.value) !== pane) this.second.value = pane;
      this.zoom = this.closeUp;
      const { canvas } = this.shown[0];
      // In the middle, but not so that there is nothing beside the picture where there could be.
      const inside = (middle, start, size, seen) => (size <= seen ? start + size / 2
        : Math.max(start + seen / 2, Math.min(start + size - seen / 2, middle)));
      const all = this.view.region;
      this.x = inside(left + width / 2, all.left, w, canvas.width / this.zoom);
      this.y = inside(top + height / 2, all.top, h, canvas.height / this.zoom);
      this.moveBy(0, 0);
    }

    closeTo(zoom) {
      this.closeUp = zoom;
      this.zoomTo(zoom);
    }

    // The next or the previous picture, at the same place.
    turn(by) {
      const count = this.names.length;
      if (this.mode === "one") this.current = (this.current + by + count) % count;
      else this.setMode("one");
      this.draw();
    }

    setMode(mode) {
      this.mode = mode;
      this.root.querySelector(`.modes [value=${mode}]`).checked = true;
      for (const { figure } of this.screens) figure.hidden = mode !== "side";
      this.pair.figure.hidden = mode === "side";
      this.root.querySelector(".pair").hidden = mode === "side" || mode === "one";
      for (const part of this.root.querySelectorAll("[data-for]")) {
        part.hidden = part.dataset.for !== mode;
      }
      this.other = false;
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.alternate(mode === "flicker" && !calm);
      this.shown.forEach(({ canvas }) => this.resize(canvas));
    }

    alternate(wanted) {
      clearInterval(this.timer);
      this.root.querySelector(".alternate").checked = wanted;
      if (wanted) this.timer = setInterval(() => this.showOther(), ALTERNATE_MS);
    }

    showOther() {
      this.other = !this.other;
      this.draw();
    }

    swap() {
      [this.first.value, this.second.value] = [this.second.value, this.first.value];
      this.draw();
    }

    // ---- drawing

    draw() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.drawNow();
      });
    }

    drawNow() {
      const percent = 100 * this.zoom;
      const text = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
      this.root.querySelector(".zoom output").textContent = text;
      if (this.mode === "side") {
        this.screens.forEach(({ canvas }, number) => this.paint(canvas, number));
      } else {
        this.drawPair(Number(this.first.value), Number(this.second.value));
      }
    }

    drawPair(a, b) {
      const { canvas, caption } = this.pair;
      const context = canvas.getContext("2d");
      canvas.style.filter = "";
      if (this.mode === "one") {
        this.paint(canvas, this.current);
        fill(caption, this.names[this.current]);
      } else if (this.mode === "flicker") {
        this.paint(canvas, this.other ? b : a);
        fill(caption, this.names[this.other ? b : a]);
      } else if (this.mode === "swipe") {
        const cut = Math.round((canvas.width * this.divider.value) / 100);
        this.paint(canvas, a);
        this.paint(canvas, b, cut);
        context.fillStyle = "#000";
        context.fillRect(cut - 2, 0, 4, canvas.height);
        context.fillStyle = "#fff";
        context.fillRect(cut - 1, 0, 2, canvas.height);
        fill(caption, "Left: ", this.names[a], " \u2014 right: ", this.names[b]);
      } else {
        this.paint(canvas, a);
        context.globalCompositeOperation = "difference";
        this.paint(canvas, b, 0, false);
        context.globalCompositeOperation = "source-over";
        canvas.style.filter = `brightness(${this.gain.value})`;
        caption.textContent = `Difference times ${this.gain.value}; black where both are equal.`;
      }
      canvas.setAttribute("aria-label", caption.textContent);
    }

    // One picture, from column `start` of the canvas on.
    paint(canvas, picture, start = 0, clear = true) {
      const context = canvas.getContext("2d");
      const { region, images } = this.view;
      const image = images[picture];
      const { zoom } = this;
      context.save();
      context.beginPath();
      context.rect(start, 0, canvas.width - start, canvas.height);
      context.clip();
      if (clear) context.clearRect(start, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = (zoom * region.width) / image.naturalWidth < SHARP;
      context.imageSmoothingQuality = "high";
      // Whole pixels: at 1:1 the picture is shown as it is.
      const left = Math.round(canvas.width / 2 + (region.left - this.x) * zoom);
      const top = Math.round(canvas.height / 2 + (region.top - this.y) * zoom);
      context.drawImage(image, left, top, region.width * zoom, region.height * zoom);
      context.restore();
    }

    drawThumbnail(button) {
      const canvas = button.querySelector("canvas");
      const view = this.views[Number(button.dataset.view)];
      const image = view.images[Number(button.dataset.pane)];
      const [left, top, width, height] = button.dataset.region.split(" ").map(Number);
      const scale = image.naturalWidth / view.region.width;
      const fit = Math.min(canvas.width / width, canvas.height / height);
      canvas.getContext("2d").drawImage(
        image,
        (left - view.region.left) * scale, (top - view.region.top) * scale,
        width * scale, height * scale,
        (canvas.width - width * fit) / 2, (canvas.height - height * fit) / 2,
        width * fit, height * fit,
      );
    }

    // ---- mouse, touch and keys

    listen() {
      const acts = {
        in: () => this.zoomTo(this.zoom * Math.SQRT2),
        out: () => this.zoomTo(this.zoom / Math.SQRT2),
        fit: () => this.goTo(this.places.find(({ dataset }) => this.views[dataset.view] === this.view)),
        actual: () => this.closeTo(1),
        double: () => this.closeTo(2),
        next: () => this.turn(1),
        previous: () => this.turn(-1),
        swap: () => this.swap(),
        other: () => { this.alternate(false); this.showOther(); },
      };
      for (const button of this.root.querySelectorAll("[data-act]")) {
        button.addEventListener("click", acts[button.dataset.act]);
      }
      for (const button of this.places) button.addEventListener("click", () => this.goTo(button));
      for (const radio of this.root.querySelectorAll(".modes input")) {
        radio.addEventListener("change", () => this.setMode(radio.value));
      }
      for (const control of [this.first, this.second, this.divider]) {
        control.addEventListener("input", () => this.draw());
      }
      this.gain.addEventListener("input", () => {
        this.root.querySelector(".gain-shown").value = this.gain.value;
        this.draw();
      });
      const box = this.root.querySelector(".alternate");
      box.addEventListener("change", () => this.alternate(box.checked));
      this.root.addEventListener("keydown", (event) => this.key(event, acts));
    }

    key(event, acts) {
      const { target } = event;
      const typing = target.matches("select, input[type=range]");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const letters = {
        "+": acts.in, "=": acts.in, "-": acts.out, 0: acts.fit, 1: acts.actual, 2: acts.double,
        n: acts.next, p: acts.previous, x: acts.swap,
        s: () => this.setMode("side"), w: () => this.setMode("swipe"),
        f: () => this.setMode("flicker"), d: () => this.setMode("difference"),
        "[": () => this.moveDivider(-5), "]": () => this.moveDivider(5),
      };
      const onCanvas = {
        ArrowLeft: () => this.step(-1, 0), ArrowRight: () => this.step(1, 0),
        ArrowUp: () => this.step(0, -1), ArrowDown: () => this.step(0, 1),
        " ": () => this.mode === "flicker" && acts.other(),
      };
      const isCanvas = target.closest(".stage") !== null;
      const act = letters[event.key] ?? (isCanvas ? onCanvas[event.key] : undefined);
      if (!act) return;
      event.preventDefault();
      act();
      // The canvas that had the focus may be hidden now.
      if (isCanvas && target.offsetParent === null) this.shown[0].canvas.focus();
    }

    step(dx, dy) {
      const { canvas } = this.shown[0];
      const size = KEY_STEP / this.zoom;
      this.moveBy(dx * canvas.width * size, dy * canvas.height * size);
    }

    moveDivider(percent) {
      this.divider.value = Number(this.divider.value) + percent;
      this.draw();
    }

    listenToPointers(canvas) {
      const down = new Map(); // pointers by id, with their last places
      let dividing = false;
      const place = (event) => {
        const box = canvas.getBoundingClientRect();
        const ratio = canvas.width / box.width;
        return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
      };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        const at = place(event);
        down.set(event.pointerId, at);
        const cut = (canvas.width * this.divider.value) / 100;
        const reach = 16 * (window.devicePixelRatio || 1);
        dividing = this.mode === "swipe" && down.size === 1 && Math.abs(at.x - cut) < reach;
        canvas.classList.add("moving");
      });
      canvas.addEventListener("pointermove", (event) => {
        const before = down.get(event.pointerId);
        if (!before) return;
        const now = place(event);
        if (dividing) {
          this.divider.value = (100 * now.x) / canvas.width;
          this.draw();
        } else if (down.size === 1) {
          this.moveBy((before.x - now.x) / this.zoom, (before.y - now.y) / this.zoom);
        } else {
          const [fixed] = [...down].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
          const distance = (at) => Math.hypot(at.x - fixed.x, at.y - fixed.y) || 1;
          this.zoomTo(this.zoom * (distance(now) / distance(before)), canvas, fixed.x, fixed.y);
        }
        down.set(event.pointerId, now);
      });
      for (const end of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(end, (event) => {
          down.delete(event.pointerId);
          dividing = false;
          canvas.classList.remove("moving");
        });
      }
      canvas.addEventListener("dblclick", (event) => {
        const at = place(event);
        this.zoomTo(this.zoom * 2, canvas, at.x, at.y);
      });
      canvas.addEventListener("wheel", (event) => {
        // The page scrolls until a picture has been clicked.
        if (document.activeElement !== canvas && !event.ctrlKey) return;
        event.preventDefault();
        const at = place(event);
        const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
        this.zoomTo(this.zoom * 2 ** ((-event.deltaY * lines) / 240), canvas, at.x, at.y);
      }, { passive: false });
    }
  }

  const readView = (source) => {
    const { left, top, width, height } = source.dataset;
    return {
      region: { left: Number(left), top: Number(top), width: Number(width), height: Number(height) },
      images: [...source.querySelectorAll("img")],
    };
  };

  for (const section of document.querySelectorAll(".scene")) new Viewer(section).start();
})();
