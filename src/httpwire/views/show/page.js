"use strict";
// Fills the panel with what is known of the bytes that are pointed at, tapped or focused. It only copies text that
// the page already holds; arrow keys go from one element to the next.
const panel = document.getElementById("panel");
const texts = document.getElementById("texts").children;
const elements = Array.from(document.querySelectorAll("main .e[data-b]"));
let marked = null;
let pinned = null;

function add(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  panel.append(made);
  return made;
}

function tell(target) {
  const parts = [];
  for (let at = target; at && at.matches(".e"); at = at.parentElement.closest(".e")) parts.push(at);
  if (!parts.length || parts[0] === marked) return;
  if (marked) marked.classList.remove("here");
  marked = parts[0];
  marked.classList.add("here");
  panel.replaceChildren();
  parts.forEach((part, index) => {
    const [start, stop] = part.dataset.b.split("-");
    const box = add("div", index ? "part" : "");
    const first = panel.children.length;
    for (const number of part.dataset.t.split(" ")) {
      for (const node of texts[number].children) box.append(node.cloneNode(true));
    }
    const where = document.createElement("p");
    where.className = "where";
    where.textContent = panel.dataset.where.replace("{start}", start).replace("{stop}", stop).replace("{n}", stop - start);
    box.firstElementChild.after(where);
    if (!index && part.dataset.x) {
      const octets = document.createElement("p");
      octets.className = "octets";
      octets.textContent = part.dataset.x;
      box.append(octets);
    }
  });
  panel.scrollTop = 0;
}

document.addEventListener("pointerover", event => {
  const target = event.target.closest("main .e");
  if (target && event.pointerType === "mouse" && !pinned) tell(target);
});
document.addEventListener("focusin", event => {
  const target = event.target.closest("main .e");
  if (target) tell(target);
});
document.addEventListener("click", event => {
  const target = event.target.closest("main .e");
  pinned = target && target !== pinned ? target : null;
  if (target) { target.focus({ preventScroll: true }); tell(target); }
});
document.addEventListener("keydown", event => {
  const at = elements.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (at < 0 || !step || event.ctrlKey || event.altKey || event.metaKey) return;
  const next = elements[at + step];
  if (!next) return;
  event.preventDefault();
  elements[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});
if (elements.length) elements[0].tabIndex = 0;
