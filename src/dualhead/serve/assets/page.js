// The page of `dualhead serve`: a webcam or a file, and what the checkpoints say. Everything comes from the server that
// the page came from; `seenPlayer` and `seenDraw` are those of `visualize/assets/annotation.js`.
"use strict";
document.addEventListener("DOMContentLoaded", async () => {
  const HISTORY = 60, LANE_SECONDS = 30, WIDTH = 480, ROWS = 5;
  const token = new URLSearchParams(location.search).get("token") || "";
  const client = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const get = (id) => document.getElementById(id);

  async function ask(method, path, query, body) {
    const address = path + (query ? "?" + new URLSearchParams(query) : "");
    const answer = await fetch(address, { method, body, headers: { "X-Dualhead-Token": token } });
    const values = await answer.json();
    if (!answer.ok) throw new Error(values.error || "the server answered " + answer.status);
    return values;
  }
  function trouble(error) {
    const text = error instanceof TypeError ? "the server does not answer: is it still running?" : error && error.message;
    get("trouble").hidden = !text;
    get("trouble").textContent = text || "";
  }

  let config;
  try { config = await ask("GET", "/config"); } catch (error) { trouble(error); return; }
  get("about").textContent = config.models.join(" + ") + " · " + config.classes + " classes · " + config.skeleton + " · v" + config.version;
  get("expect").hidden = !config.expect;
  get("expect").textContent = config.expect;
  function fill(select, values, chosen) {
    for (const value of new Set([...values, chosen])) select.append(new Option(value.replace(/s$/, " s"), value, false, value === chosen));
  }
  fill(get("window"), ["1s", "2s", "3s", "5s", "10s"], config.window);
  fill(get("stride"), ["0.25s", "0.5s", "1s", "2s"], config.stride);
  const spans = () => ({ window: get("window").value, stride: get("stride").value });

  // tabs
  const tabs = [get("tab-live"), get("tab-file")];
  function choose(tab, focus) {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", on);
      other.tabIndex = on ? 0 : -1;
      get(other.getAttribute("aria-controls")).hidden = !on;
    }
    if (focus) tab.focus();
    if (tab !== tabs[0]) stop();
    trouble();
  }
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(tabs[1 - tabs.indexOf(tab)], true);
    });
  }

  // webcam
  const camera = get("camera"), overlay = get("overlay"), pen = overlay.getContext("2d"), stage = get("live-stage");
  const grab = document.createElement("canvas"), grabPen = grab.getContext("2d", { alpha: false, willReadFrequently: true });
  const colours = new Map(), history = new Map(), strip = [];
  let session = "", running = false, number = 0, counts = [];
  const colour = (name) => { if (!colours.has(name)) colours.set(name, SEEN_SERIES[colours.size % SEEN_SERIES.length]); return colours.get(name); };

  if (!config.live) {
    get("start").disabled = true;
    get("hint").querySelector("p").textContent = config.why_not_live;
  }
  get("mirror").addEventListener("change", mirror);
  function mirror() { stage.classList.toggle("mirrored", get("mirror").checked); }
  mirror();

  async function start() {
    trouble();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } }, audio: false });
    } catch (error) {
      trouble(new Error("the webcam cannot be used (" + error.message + "): allow it for this page, or drop a file instead"));
      return;
    }
    try {
      camera.srcObject = stream;
      await camera.play();
      stage.style.setProperty("--ratio", camera.videoWidth / camera.videoHeight);
      session = (await ask("POST", "/live", spans(), "")).session;
    } catch (error) { trouble(error); stream.getTracks().forEach((track) => track.stop()); return; }
    running = true;
    number = 0;
    counts = [];
    history.clear();
    strip.length = 0;
    get("hint").hidden = true;
    get("stop").disabled = false;
    loop(session);
  }
  function stop() {
    if (!running) return;
    running = false;
    if (camera.srcObject) camera.srcObject.getTracks().forEach((track) => track.stop());
    camera.srcObject = null;
    ask("POST", "/live/stop", { session }, "").catch(() => {});
    get("hint").hidden = false;
    get("stop").disabled = true;
    get("filling").hidden = true;
    pen.clearRect(0, 0, overlay.width, overlay.height);
  }
  get("start").addEventListener("click", start);
  get("stop").addEventListener("click", stop);
  for (const id of ["window", "stride"]) get(id).addEventListener("change", async () => {
    if (!running) return;
    try { session = (await ask("POST", "/live", spans(), "")).session; loop(session); } catch (error) { trouble(error); }
  });

  // The newest picture, as a file; the one that is there when it is asked for.
  function picture() {
    const scale = Math.min(1, WIDTH / Math.max(camera.videoWidth, camera.videoHeight));
    grab.width = Math.round(camera.videoWidth * scale);
    grab.height = Math.round(camera.videoHeight * scale);
    grabPen.drawImage(camera, 0, 0, grab.width, grab.height);
    const time = performance.now() / 1000;
    return new Promise((done) => grab.toBlob((blob) => done([blob, time]), "image/jpeg", 0.8));
  }
  let grabbed = -1;
  async function newer() {  // a picture is not sent twice
    while (running && camera.currentTime === grabbed) await new Promise(camera.requestVideoFrameCallback ? (done) => camera.requestVideoFrameCallback(done) : requestAnimationFrame);
    grabbed = camera.currentTime;
  }
  async function sendPicture(mine) {
    await newer();
    const [blob, time] = await picture(), sent = performance.now();
    const answer = await ask("POST", "/live/frame", { session: mine, time }, blob);
    return [answer, performance.now() - sent];
  }
  async function loop(mine) {
    grabbed = -1;
    try {
      let next = sendPicture(mine);
      for (;;) {
        const [answer, trip] = await next;
        if (!running || session !== mine) return;
        counts.push(performance.now());
        next = sendPicture(mine);  // the server looks at the next one while this answer is drawn
        next.catch(() => {});
        show(answer, trip);
      }
    } catch (error) { if (session === mine && running) { trouble(error); stop(); } }
  }
  function show(answer, trip) {
    const ratio = devicePixelRatio || 1;
    overlay.width = Math.round(stage.clientWidth * ratio);
    overlay.height = Math.round(stage.clientHeight * ratio);
    const people = answer.people.filter((person) => person);
    seenDraw(pen, people.length, config.lines, (body, joint) => people[body][joint], overlay.width, overlay.height, getComputedStyle(stage));
    get("filling").hidden = answer.filled >= 1;
    get("filling").firstElementChild.style.setProperty("--share", answer.filled);
    counts = counts.filter((moment) => moment > performance.now() - 2000);
    get("fps").textContent = counts.length > 1 ? ((counts.length - 1) * 1000 / (counts[counts.length - 1] - counts[0])).toFixed(1) : "–";
    get("pose-ms").textContent = Math.round(answer.pose_ms) + " ms";
    get("trip-ms").textContent = Math.round(trip) + " ms";
    trouble(answer.error ? new Error(answer.error) : undefined);
    if (answer.estimate.number === number) return;
    number = answer.estimate.number;
    get("delay-ms").textContent = Math.round(answer.delay_ms) + " ms";
    estimate(answer.estimate.said);
  }
  function estimate(said) {
    const values = new Map(said ? said.top.map((item) => [item.class, item]) : []);
    for (const name of values.keys()) if (!history.has(name)) history.set(name, new Array(HISTORY).fill(0));
    for (const [name, past] of history) { past.push(values.has(name) ? values.get(name).probability : 0); past.shift(); }
    const score = ([name, past]) => 2 * past[past.length - 1] + past.reduce((sum, value) => sum + value, 0) / HISTORY;
    const rows = [...history].sort((one, two) => score(two) - score(one));
    for (const [name] of rows.slice(3 * ROWS)) history.delete(name);
    const best = said && said.top[0];
    get("now").textContent = best ? best.class + " " + Math.round(100 * best.probability) + " %" : "nobody is seen";
    const box = get("live-bars");
    box.replaceChildren();
    for (const [name, past] of rows.slice(0, ROWS)) {
      const item = values.get(name) || { probability: 0, heads: {} }, row = seenElement("div", "bar"), bar = seenElement("span", "fill");
      bar.style.setProperty("--share", item.probability);
      bar.style.setProperty("--hue", colour(name));
      row.append(seenElement("span", "name", name), bar, seenElement("span", "value", Math.round(100 * item.probability) + " %"));
      const heads = Object.entries(item.heads);
      if (heads.length > 1) row.append(seenElement("span", "heads", heads.map(([head, value]) => head + " " + Math.round(100 * value) + " %").join(" · ")));
      row.append(spark(past, colour(name), name));
      box.append(row);
    }
    const now = performance.now() / 1000;
    strip.push({ time: now, classes: said ? { all: said.top[0].class, ...(Object.keys(said.best).length > 1 ? said.best : {}) } : {} });
    while (strip.length && strip[0].time < now - LANE_SECONDS) strip.shift();
    lanes(now);
  }
  function spark(past, hue, name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    svg.setAttribute("viewBox", "0 0 " + (past.length - 1) + " 20");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "history of " + name);
    line.setAttribute("points", past.map((value, i) => i + "," + (19 - 18 * value).toFixed(1)).join(" "));
    line.setAttribute("fill", "none");
    line.setAttribute("stroke", hue);
    line.setAttribute("stroke-width", "1.5");
    line.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(line);
    return svg;
  }
  function lanes(now) {
    const box = get("live-lanes"), names = [...new Set(strip.flatMap((item) => Object.keys(item.classes)))];
    box.replaceChildren();
    for (const name of names) {
      const row = seenElement("div", "lane"), track = seenElement("div", "track"), parts = [];
      strip.forEach((item, i) => {
        const label = item.classes[name], end = i + 1 < strip.length ? strip[i + 1].time : now + 0.2, last = parts[parts.length - 1];
        if (!label) return;
        if (last && last.label === label && last.end === item.time) last.end = end;
        else parts.push({ label, start: item.time, end });
      });
      for (const part of parts) {
        const block = seenElement("span", "block", part.label), place = (time) => Math.max(0, 1 - (now + 0.2 - time) / LANE_SECONDS);
        block.style.setProperty("--from", place(part.start));
        block.style.setProperty("--to", place(part.end));
        block.style.setProperty("--hue", colour(part.label));
        block.title = part.label;
        track.append(block);
      }
      row.append(seenElement("span", "label", name), track);
      box.append(row);
    }
  }

  // files
  let job = "", upload = null, url = "";
  const drop = get("drop");
  get("kinds").textContent = (config.live ? "a video (.mp4, .mov, .webm, .mkv, .avi and more), or a" : "A") + " recording of skeletons (.skeleton, .npy, .npz, .csv, .json, .bvh and more), up to " + Math.round(config.max_upload / 1048576) + " MB";
  get("kinds").title = config.suffixes.join(" ");
  get("pick").addEventListener("change", () => { if (get("pick").files[0]) send(get("pick").files[0]); get("pick").value = ""; });
  for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    choose(tabs[1]);
    send(event.dataTransfer.files[0]);
  });
  get("cancel").addEventListener("click", () => {
    if (upload) upload.abort();
    if (job) ask("DELETE", "/files/" + job).catch(() => {});
    job = "";
    idle();
  });
  function idle() { get("progress").hidden = true; drop.hidden = false; }
  function doing(text, share) {
    get("doing").textContent = text;
    if (share === null) get("meter").removeAttribute("value"); else get("meter").value = share;
  }
  function send(file) {
    trouble();
    if (file.size > config.max_upload) { trouble(new Error(file.name + " has " + Math.round(file.size / 1048576) + " MB, at most " + Math.round(config.max_upload / 1048576) + " MB are taken (--max-upload)")); return; }
    if (!file.size) { trouble(new Error(file.name + " is empty (0 bytes): expected a video or a recording")); return; }
    get("result").hidden = true;
    drop.hidden = true;
    get("progress").hidden = false;
    doing("sending " + file.name, 0);
    upload = new XMLHttpRequest();  // `fetch` does not tell how much was sent
    upload.open("POST", "/files?" + new URLSearchParams({ client, name: file.name, ...spans() }));
    upload.setRequestHeader("X-Dualhead-Token", token);
    upload.upload.addEventListener("progress", (event) => doing("sending " + file.name, event.loaded / event.total));
    upload.addEventListener("load", () => {
      let values = {};
      try { values = JSON.parse(upload.responseText); } catch (error) { /* told below */ }
      const status = upload.status;
      upload = null;
      if (status !== 200) { trouble(new Error(values.error || "the server answered " + status)); idle(); return; }
      job = values.key;
      watch(job, file);
    });
    upload.addEventListener("error", () => { upload = null; trouble(new TypeError()); idle(); });
    upload.send(file);
  }
  async function watch(mine, file) {
    try {
      for (;;) {
        const state = await ask("GET", "/files/" + mine);
        if (job !== mine) return;
        if (state.state === "failed") throw new Error(state.error);
        if (state.state === "done") { await result(mine, state, file); return; }
        if (state.state === "poses") doing("finding people in " + state.name + ": frame " + state.done + (state.total ? " of about " + state.total : ""), state.total ? Math.min(1, state.done / state.total) : null);
        else doing((state.state === "waiting" ? "waiting: " : "naming actions in ") + state.name, null);
        await new Promise((done) => setTimeout(done, 250));
      }
    } catch (error) { if (job === mine) { trouble(error); idle(); } }
  }
  async function result(mine, state, file) {
    const data = await ask("GET", "/files/" + mine + "/result.json");
    if (url) URL.revokeObjectURL(url);
    url = state.video ? URL.createObjectURL(file) : "";
    idle();
    get("result").hidden = false;
    drop.classList.add("small");
    get("result-name").textContent = data.name;
    const best = data.whole && data.whole.top[0];
    get("result-whole").textContent = best ? "as a whole: " + best.class + " (" + Math.round(100 * best.probability) + " %)" : "";
    seenPlayer(get("player"), data, url || null);
    const links = get("downloads");
    links.replaceChildren(seenElement("span", "soft", "download"));
    for (const [kind, text] of [["jsonl", "JSON lines"], ["csv", "CSV"], ...(state.video ? [["mp4", "annotated mp4"]] : [])]) {
      const link = seenElement("a", "", text);
      link.href = "/files/" + mine + "/result." + kind + "?" + new URLSearchParams({ token });
      link.download = "";
      links.append(link);
    }
    get("player").querySelector(".stage").focus();
  }
  document.body.dataset.ready = "yes";
});
