// A skeleton to play, step through and (in 3D) turn. Each <figure class="player"> holds its clip as JSON:
// points are whole numbers, 8191 to the unit, in picture axes (x right, y up, z towards the viewer); -32768 is absent.
"use strict";
(() => {
  const ABSENT = -32768, UNIT = 8191, PITCH = 8, STEP = 5;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function decode(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer), out = new Int16Array(bytes.length / 2);
    for (let i = 0; i < out.length; i++) out[i] = view.getInt16(2 * i, true);
    return out;
  }

  function start(figure) {
    const clip = JSON.parse(figure.querySelector("script").textContent);
    const data = decode(clip.data), [bodies, frames, joints] = clip.shape;
    const canvas = figure.querySelector("canvas"), pen = canvas.getContext("2d");
    const play = figure.querySelector("button"), slider = figure.querySelector("input");
    const speed = figure.querySelector("select"), clock = figure.querySelector("output");
    const heat = clip.heat && Uint8Array.from(atob(clip.heat), (c) => c.charCodeAt(0));
    const tracks = [...figure.querySelectorAll(".track")], heads = figure.querySelectorAll(".playhead");
    let frame = 0, at = 0, last = 0, playing = false, seen = false, pending = 0, yaw = 0, pitch = clip.flat ? 0 : PITCH, drag = null;

    function show() {
      const css = getComputedStyle(figure), colour = (role) => css.getPropertyValue("--" + role).trim();
      const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio)) canvas.width = canvas.height = Math.round(width * ratio);
      const half = canvas.width / 2;
      const a = yaw * Math.PI / 180, b = pitch * Math.PI / 180;
      const ca = Math.cos(a), sa = Math.sin(a), cb = Math.cos(b), sb = Math.sin(b);
      const project = (x, y, z) => {
        const u = x * ca + z * sa, w = -x * sa + z * ca;
        return [half + u * half, half - (y * cb - w * sb) * half, y * sb + w * cb];
      };
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.lineCap = "round";
      if (clip.floor !== null) {
        pen.strokeStyle = colour("line");
        pen.lineWidth = ratio;
        pen.beginPath();
        for (let i = -3; i <= 3; i++) {
          for (const [p, q] of [[[i * 0.3, -0.9], [i * 0.3, 0.9]], [[-0.9, i * 0.3], [0.9, i * 0.3]]]) {
            pen.moveTo(...project(p[0], clip.floor, p[1]).slice(0, 2));
            pen.lineTo(...project(q[0], clip.floor, q[1]).slice(0, 2));
          }
        }
        pen.stroke();
      }
      const thick = Math.max(2 * ratio, canvas.width / 110), paper = colour("panel"), strokes = [];
      for (let body = 0; body < bodies; body++) {
        const place = (joint) => {
          const i = 3 * ((body * frames + frame) * joints + joint);
          return data[i] === ABSENT ? null : project(data[i] / UNIT, data[i + 1] / UNIT, data[i + 2] / UNIT);
        };
        for (const [from, to, side] of clip.bones) {
          const p = place(from), q = place(to);
          if (p && q) strokes.push([p[2] + q[2], p, q, side, body]);
        }
      }
      strokes.sort((p, q) => p[0] - q[0]);
      for (const [, p, q, side, body] of strokes) {
        pen.strokeStyle = colour(side);
        pen.lineWidth = thick;
        pen.beginPath();
        pen.moveTo(p[0], p[1]);
        pen.lineTo(q[0], q[1]);
        pen.stroke();
        pen.fillStyle = body ? paper : pen.strokeStyle;
        pen.lineWidth = thick / 3;
        for (const end of [p, q]) {
          pen.beginPath();
          pen.arc(end[0], end[1], thick * 0.9, 0, 2 * Math.PI);
          pen.fill();
          pen.stroke();
        }
      }
      if (heat) {
        // As the strips under the picture: the colour of an open gate over that of a shut one.
        const dots = [];
        for (let body = 0; body < bodies; body++) for (let joint = 0; joint < joints; joint++) {
          const i = (body * frames + frame) * joints + joint;
          if (data[3 * i] === ABSENT || heat[i] === 255) continue;
          dots.push([...project(data[3 * i] / UNIT, data[3 * i + 1] / UNIT, data[3 * i + 2] / UNIT), heat[i] / 254]);
        }
        dots.sort((p, q) => p[2] - q[2]);
        pen.lineWidth = ratio;
        pen.strokeStyle = colour("middle");
        for (const [x, y, , share] of dots) {
          pen.beginPath();
          pen.arc(x, y, thick * (0.9 + 1.1 * share), 0, 2 * Math.PI);
          pen.fillStyle = colour("shut");
          pen.fill();
          pen.globalAlpha = share;
          pen.fillStyle = colour("open");
          pen.fill();
          pen.globalAlpha = 1;
          pen.stroke();
        }
      }
      if (!strokes.length) {
        pen.fillStyle = colour("soft");
        pen.font = `${14 * ratio}px system-ui, sans-serif`;
        pen.textAlign = "center";
        pen.fillText("nobody in this frame", half, half);
      }
      slider.value = frame;
      for (const head of heads) head.style.left = `${100 * (frame + 0.5) / frames}%`;
      clock.textContent = `${frame + 1} / ${frames} · ${((frame + 1) / clip.fps).toFixed(1)} s`;
    }

    function go(to) {
      frame = ((to % frames) + frames) % frames;
      at = frame;
      show();
    }

    function wake() {
      if (!pending && playing && seen) pending = requestAnimationFrame(tick);
    }

    function tick(now) {
      pending = 0;
      if (!playing || !seen) { last = 0; return; }
      if (last) at = (at + (now - last) / 1000 * clip.fps * Number(speed.value)) % frames;
      last = now;
      if (Math.floor(at) !== frame) { frame = Math.floor(at); show(); }
      wake();
    }

    function run(on) {
      playing = on && frames > 1;
      play.textContent = playing ? "Pause" : "Play";
      play.setAttribute("aria-pressed", String(playing));
      wake();
    }

    play.addEventListener("click", () => run(!playing));
    slider.addEventListener("input", () => { run(false); go(Number(slider.value)); });
    for (const track of tracks) {
      const seek = (event) => {
        const box = track.getBoundingClientRect();
        run(false);
        go(Math.max(0, Math.min(frames - 1, Math.floor((event.clientX - box.left) / box.width * frames))));
      };
      track.addEventListener("pointerdown", (event) => { track.setPointerCapture(event.pointerId); seek(event); });
      track.addEventListener("pointermove", (event) => { if (track.hasPointerCapture(event.pointerId)) seek(event); });
    }
    canvas.addEventListener("keydown", (event) => {
      const act = {
        " ": () => run(!playing),
        ",": () => { run(false); go(frame - 1); },
        ".": () => { run(false); go(frame + 1); },
        ArrowLeft: () => { yaw -= STEP; },
        ArrowRight: () => { yaw += STEP; },
        ArrowUp: () => { pitch = Math.max(-90, pitch - STEP); },
        ArrowDown: () => { pitch = Math.min(90, pitch + STEP); },
      }[event.key];
      if (!act || (clip.flat && event.key.startsWith("Arrow"))) return;
      event.preventDefault();
      act();
      show();
    });
    if (!clip.flat) {
      canvas.addEventListener("pointerdown", (event) => {
        drag = [event.clientX, event.clientY, yaw, pitch];
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!drag) return;
        yaw = drag[2] + (event.clientX - drag[0]) * 0.5;
        pitch = Math.max(-90, Math.min(90, drag[3] + (event.clientY - drag[1]) * 0.5));
        show();
      });
      for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { drag = null; });
      canvas.addEventListener("dblclick", () => { yaw = 0; pitch = PITCH; show(); });
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    new ResizeObserver(show).observe(canvas);
    new IntersectionObserver((entries) => {
      seen = entries[entries.length - 1].isIntersecting;
      wake();
    }).observe(canvas);
    slider.max = frames - 1;
    // The middle of a clip says more than its first frame to somebody who does not press Play.
    if (still) go(Math.floor(frames / 2)); else { show(); run(true); }
  }

  document.querySelectorAll("figure.player").forEach(start);
})();
