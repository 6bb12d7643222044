// Keeps a page up to date and sends what the person says. The server renders everything: where a campaign's version
// has changed, the page is fetched again and its live parts are exchanged, so that there is one rendering of it.
"use strict";

const body = document.body;
const campaign = body.dataset.campaign;
const EVERY = 1500;

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.getAttribute("datetime"));
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

async function ask(address, content) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const answer = await response.json().catch(() => ({ detail: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.detail || `the server answered ${response.status}`);
  return answer;
}

function say(place, text, wrong) {
  place.textContent = text;
  place.classList.toggle("wrong", Boolean(wrong));
}

// live parts

let tag = null;
let busy = false;

async function look() {
  if (busy || document.hidden) return;
  busy = true;
  const live = document.getElementById("live");
  try {
    const address = campaign ? `/api/campaigns/${encodeURIComponent(campaign)}/version` : "/api/campaigns";
    const response = await fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (response.status === 401) location.assign("/login");
    if (response.status !== 304 && response.ok) {
      const seen = campaign ? (await response.json()).version : null;
      const known = tag !== null || seen === body.dataset.version;
      tag = response.headers.get("ETag");
      if (!campaign || !known || seen !== body.dataset.version) await refresh(seen);
    }
    live.hidden = true;
  } catch {
    live.textContent = "no connection to the server";
    live.hidden = false;
  } finally {
    busy = false;
  }
}

async function refresh(version) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (other && other.innerHTML !== part.dataset.was) exchange(part, other);
  }
  if (version) body.dataset.version = version;
  document.dispatchEvent(new Event("evolver:changed"));
}

function exchange(part, other) {
  const text = window.getSelection();
  if (text && !text.isCollapsed && part.contains(text.anchorNode)) return; // somebody is copying from it
  const focused = part.contains(document.activeElement) ? pathTo(part, document.activeElement) : null;
  const scrolls = [...part.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  const open = [...part.querySelectorAll("details")].map((box) => box.open);
  const typed = [...part.querySelectorAll("input[id]")].map((box) => [box.id, box.value]);
  part.dataset.was = other.innerHTML;
  part.hidden = other.hidden;
  part.replaceChildren(...document.importNode(other, true).childNodes);
  [...part.querySelectorAll(".scroll")].forEach((box, i) => {
    if (scrolls[i]) [box.scrollLeft, box.scrollTop] = scrolls[i];
  });
  [...part.querySelectorAll("details")].forEach((box, i) => {
    if (i < open.length) box.open = open[i];
  });
  for (const [id, value] of typed) {
    const box = part.querySelector(`#${CSS.escape(id)}`);
    if (box) box.value = value;
  }
  localTimes(part);
  if (focused) part.querySelector(focused)?.focus({ preventScroll: true });
}

function pathTo(part, element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.dataset.say) return `[data-say="${CSS.escape(element.dataset.say)}"]`;
  const address = element.getAttribute("href");
  return address ? `a[href="${CSS.escape(address)}"]` : ".scroll";
}

// commands

function who() {
  return document.querySelector("#message [name=who]")?.value.trim() || localStorage.getItem("evolver-who") || "";
}

async function give(text, buttons) {
  const place = document.getElementById("order-said");
  for (const button of buttons) button.disabled = true;
  say(place, "…");
  try {
    const answer = await ask(`/api/campaigns/${encodeURIComponent(campaign)}/messages`, { text, who: who() });
    say(place, answer.replies.join("\n"));
    await look();
  } catch (error) {
    say(place, error.message, true);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-say]");
  if (!button) return;
  const dialog = document.getElementById(button.dataset.dialog);
  if (!dialog) {
    give(button.dataset.say, [button]);
    return;
  }
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener("close", () => dialog.returnValue && give(dialog.returnValue, [button]), { once: true });
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest?.("[data-reject]");
  if (!form) return;
  event.preventDefault();
  give(`reject ${form.dataset.reject} because ${form.querySelector("input").value.trim()}`, form.querySelectorAll("button"));
});

// the form that starts a campaign

document.getElementById("start")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const place = form.querySelector(".said");
  const button = form.querySelector("button");
  const given = {};
  for (const field of form.querySelectorAll("[name]")) {
    if (field.value.trim() === "") continue;
    given[field.name] = field.type === "number" ? Number(field.value) : field.value.trim();
  }
  button.disabled = true;
  say(place, "Starting …");
  try {
    location.assign((await ask("/api/campaigns", given)).page);
  } catch (error) {
    say(place, error.message, true);
    button.disabled = false;
  }
});

// the conversation

const message = document.getElementById("message");
if (message) {
  const talk = document.getElementById("talk");
  const text = message.elements.text;
  const name = message.elements.who;
  name.value = localStorage.getItem("evolver-who") || "";

  const add = (words, kind) => {
    const line = document.createElement("li");
    line.className = kind;
    line.textContent = words;
    talk.append(line);
    talk.scrollTop = talk.scrollHeight;
  };

  message.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = message.querySelector("button");
    const said = text.value.trim();
    if (!said || button.disabled) return;
    localStorage.setItem("evolver-who", name.value.trim());
    button.disabled = true;
    add(said, "mine");
    text.value = "";
    try {
      const answer = await ask(`/api/campaigns/${encodeURIComponent(campaign)}/messages`, { text: said, who: who() });
      for (const reply of answer.replies) add(reply, "theirs");
      await look();
    } catch (error) {
      add(error.message, "theirs wrong");
      text.value ||= said;
    } finally {
      button.disabled = false;
      text.focus();
    }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) message.requestSubmit();
  });
}

localTimes(document);
setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
