// People over a video, with a timeline of what a model says. `seenPlayer(root, data, url)` fills an element; data is
// what `visualize/annotation.py` makes: points are whole numbers, 16384 to the picture's side, -32768 is absent.
"use strict";
const SEEN_SERIES = ["#1f6fb8", "#d0661a", "#2a9461", "#9a5fc0", "#b58a00", "#c2456b", "#3d97a8", "#7a6a5a"];

function seenElement(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function seenColours(data) {
  const names = new Map(), add = (name) => { if (!names.has(name)) names.set(name, SEEN_SERIES[names.size % SEEN_SERIES.length]); };
  for (const interval of data.intervals) add(interval.class);
  for (const window of data.windows) { add(window.top[0].class); for (const name of Object.values(window.best)) add(name); }
  if (data.whole) add(data.whole.top[0].class);
  return names;
}

// Draw people: points(body, joint) gives [x, y] as fractions of the picture, or null.
function seenDraw(pen, bodies, lines, points, width, height, style) {
  const thick = Math.max(2, Math.max(width, height) / 190), colour = (role) => style.getPropertyValue("--" + role).trim();
  pen.lineCap = "round";
  for (let body = 0; body < bodies; body++) {
    for (const pass of [0, 1]) for (const [from, to, side] of lines) {
      const p = points(body, from), q = points(body, to);
      if (!p || !q) continue;
      pen.strokeStyle = pass ? colour(side) : "rgba(255,255,255,.85)";
      pen.lineWidth = pass ? thick : thick * 1.8;
      pen.beginPath();
      pen.moveTo(p[0] * width, p[1] * height);
      pen.lineTo(q[0] * width, q[1] * height);
      pen.stroke();
      if (!pass) continue;
      pen.fillStyle = body ? "#fff" : colour(side);
      pen.lineWidth = thick / 3;
      for (const end of [p, q]) {
        pen.beginPath();
        pen.arc(end[0] * width, end[1] * height, thick * 0.85, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
    }
  }
}

function seenBars(box, said, colours) {
  box.replaceChildren();
  if (!said) { box.append(seenElement("p", "soft", "nobody is seen")); return; }
  for (const item of said.top) {
    const row = seenElement("div", "bar"), fill = seenElement("span", "fill");
    fill.style.setProperty("--share", item.probability);
    fill.style.setProperty("--hue", colours.get(item.class) || "var(--accent)");
    row.append(seenElement("span", "name", item.class), fill, seenElement("span", "value", Math.round(100 * item.probability) + " %"));
    const heads = Object.entries(item.heads);
    if (heads.length > 1) row.append(seenElement("span", "heads", heads.map(([name, value]) => name + " " + Math.round(100 * value) + " %").join(" · ")));
    box.append(row);
  }
}

function seenPlayer(root, data, url) {
  const [bodies, frames, joints] = data.shape, colours = seenColours(data);
  const bytes = Uint8Array.from(atob(data.points), (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
  const at = (body, joint, frame) => {
    const i = 4 * ((body * frames + frame) * joints + joint), x = view.getInt16(i, true);
    return x === -32768 ? null : [x / 16384, view.getInt16(i + 2, true) / 16384];
  };
  root.replaceChildren();
  root.classList.add("seen");
  const stage = seenElement("div", "stage"), canvas = seenElement("canvas"), pen = canvas.getContext("2d");
  const side = seenElement("div", "said"), title = seenElement("h3", "", "now"), bars = seenElement("div", "bars");
  const controls = seenElement("div", "controls"), play = seenElement("button", "", "Play"), clock = seenElement("output");
  const slider = seenElement("input"), lanes = seenElement("div", "lanes"), key = seenElement("ul", "key");
  stage.style.setProperty("--ratio", data.size[0] / data.size[1]);
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  stage.setAttribute("aria-label", "Player of " + data.name + ": space plays, arrow keys step");
  let video = null;
  if (url) {
    video = seenElement("video");
    video.src = url;
    video.muted = true;
    video.playsInline = true;
    video.preload = "auto";
    video.addEventListener("error", () => { video.remove(); video = null; root.classList.add("blind"); show(); });
    stage.append(video);
  } else root.classList.add("blind");
  stage.append(canvas);
  Object.assign(slider, { type: "range", min: 0, max: frames - 1, step: 1, value: 0 });
  slider.setAttribute("aria-label", "frame");
  play.type = "button";
  controls.append(play, slider, clock);
  side.append(title, bars);
  root.append(stage, side, controls, lanes, key);

  let frame = 0, playing = false, from = 0, began = 0;
  const seconds = (value) => (value / data.fps).toFixed(1) + " s";
  const said = () => data.windows.find((window) => frame >= window.start && frame < window.stop) || (data.windows.length ? null : data.whole);

  function lane(name, parts) {
    const row = seenElement("div", "lane"), track = seenElement("div", "track"), head = seenElement("div", "playhead");
    for (const part of parts) {
      const block = seenElement("span", "block", part.class);
      block.style.setProperty("--from", part.start / frames);
      block.style.setProperty("--to", part.stop / frames);
      block.style.setProperty("--hue", colours.get(part.class));
      block.title = part.class + ", " + seconds(part.start) + " to " + seconds(part.stop) + (part.probability === undefined ? "" : ", " + Math.round(100 * part.probability) + " %");
      track.append(block);
    }
    track.append(head);
    track.addEventListener("pointerdown", (event) => {
      const seek = (e) => { const box = track.getBoundingClientRect(); go(Math.floor((e.clientX - box.left) / box.width * frames)); };
      seek(event);
      track.setPointerCapture(event.pointerId);
      track.onpointermove = seek;
      track.onpointerup = () => { track.onpointermove = null; };
    });
    row.append(seenElement("span", "label", name), track);
    lanes.append(row);
  }
  const bodiesSaid = [...new Set(data.intervals.map((interval) => interval.body))];
  for (const body of bodiesSaid.length ? bodiesSaid : [null]) {
    lane(body === null ? "all" : "person " + (body + 1), data.intervals.filter((interval) => interval.body === body));
  }
  const heads = data.windows.length ? Object.keys(data.windows[0].best) : [];
  if (heads.length > 1) for (const head of heads) {
    const parts = [];
    for (const window of data.windows) {
      const last = parts[parts.length - 1], name = window.best[head];
      if (last && last.class === name && last.stop === window.start) last.stop = window.stop;
      else parts.push({ start: window.start, stop: window.stop, class: name });
    }
    lane(head, parts);
  }
  for (const [name, hue] of colours) {
    const item = seenElement("li"), swatch = seenElement("span", "swatch");
    swatch.style.background = hue;
    item.append(swatch, name);
    key.append(item);
  }

  let shown = -1;
  function show() {
    const ratio = devicePixelRatio || 1, width = Math.round(stage.clientWidth * ratio), height = Math.round(stage.clientHeight * ratio);
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; shown = -1; }
    if (shown === frame) return;
    shown = frame;
    pen.clearRect(0, 0, width, height);
    seenDraw(pen, bodies, data.lines, (body, joint) => at(body, joint, frame), width, height, getComputedStyle(root));
    seenBars(bars, said(), colours);
    title.textContent = "at " + seconds(frame);
    slider.value = frame;
    clock.textContent = seconds(frame) + " of " + seconds(frames);
    for (const head of lanes.querySelectorAll(".playhead")) head.style.setProperty("--at", (frame + 0.5) / frames);
  }
  function go(value) {
    frame = Math.max(0, Math.min(frames - 1, value));
    if (video) video.currentTime = (frame + 0.5) / data.fps;
    from = frame;
    began = performance.now();
    show();
  }
  function toggle(on) {
    playing = on;
    play.textContent = on ? "Pause" : "Play";
    if (on && frame >= frames - 1) go(0);
    from = frame;
    began = performance.now();
    if (video) on ? video.play().catch(() => {}) : video.pause();
    if (on) requestAnimationFrame(tick);
  }
  function tick(now) {
    if (!playing || !root.isConnected) return;
    const time = video ? video.currentTime : from / data.fps + (now - began) / 1000;
    frame = Math.min(frames - 1, Math.max(0, Math.floor(time * data.fps + 1e-3)));
    show();
    if (video ? video.ended : frame >= frames - 1) toggle(false);
    else requestAnimationFrame(tick);
  }
  play.addEventListener("click", () => toggle(!playing));
  slider.addEventListener("input", () => { toggle(false); go(Number(slider.value)); });
  stage.addEventListener("click", () => toggle(!playing));
  root.addEventListener("keydown", (event) => {
    if (event.target.matches("select, input:not([type=range]), button")) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -Math.round(data.fps), PageDown: Math.round(data.fps) }[event.key];
    if (event.key === " ") toggle(!playing);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(frames - 1);
    else if (step && event.target !== slider) { toggle(false); go(frame + step); }
    else return;
    event.preventDefault();
  });
  new ResizeObserver(() => { shown = -1; show(); }).observe(stage);
  show();
}
