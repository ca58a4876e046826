// Making elements. Text is always set as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
  return element;
}

const html = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = id => document.getElementById(id);

/** A drawing of so many pixels; it shrinks with the page but does not grow. */
function drawing(width, height, label, ...children) {
  return svg('svg', {
    viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': label,
  }, ...children);
}

/** A key to a drawing: [mark at (x, y), words] pairs in rows no wider than the drawing. */
function key(entries, left, top, width) {
  const parts = [];
  let x = left, y = top;
  for (const [mark, words] of entries) {
    const room = 40 + 6.8 * words.length;
    if (x > left && x + room - 16 > width) [x, y] = [left, y + 19];
    parts.push(mark(x, y), text(x + 20, y + 4, words, {class: 'small'}));
    x += room;
  }
  return {parts, bottom: y + 10};
}

/** Small words in lines no wider than so much, the first at y. */
function wrapped(words, x, y, width) {
  const lines = [''], most = Math.floor(width / 6.6);
  for (const word of words.split(' ')) {
    const last = lines[lines.length - 1];
    if (last && last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return {parts: lines.map((line, index) => text(x, y + 15 * index, line, {class: 'small'})), bottom: y + 15 * (lines.length - 1)};
}

function text(x, y, content, attributes = {}) {
  return svg('text', {x, y, ...attributes}, String(content));
}

/** What makes an element of a drawing a button: for the mouse, the keyboard and screen readers. */
function button(label, action) {
  const press = event => {
    if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    action(event);
  };
  return {role: 'button', tabindex: 0, 'aria-label': label, onclick: press, onkeydown: press};
}

/** A row of choices of which one holds; options are [value, label] pairs. */
function choice(label, options, current, choose) {
  return html('div', {class: 'choice', role: 'group', 'aria-label': label},
    html('span', {class: 'label'}, label),
    options.map(([value, words]) => html('button', {
      type: 'button', 'aria-pressed': String(value === current), onclick: () => choose(value),
    }, words)));
}

function dropdown(label, options, current, choose) {
  const list = html('select', {onchange: event => choose(event.target.value)},
    options.map(([value, words]) => html('option', {value, selected: value === current}, words)));
  return html('label', {class: 'choice'}, html('span', {class: 'label'}, label), list);
}

/** Show what an element has to tell while the pointer or the keyboard is on it, and never longer. */
function watchTips() {
  const tip = byId('tip');
  let owner = null;
  const hide = () => { owner = null; tip.hidden = true; };
  const show = (element, x, y) => {
    owner = element.closest && element.closest('[data-tip]');
    tip.hidden = !owner;
    if (!owner) return;
    tip.textContent = owner.getAttribute('data-tip');
    const {width, height} = tip.getBoundingClientRect();
    const right = x + 14 + width > window.innerWidth, below = y + 18 + height > window.innerHeight;
    tip.style.left = `${Math.max(4, right ? x - width - 10 : x + 14)}px`;
    tip.style.top = `${Math.max(4, below ? y - height - 10 : y + 18)}px`;
  };
  document.addEventListener('mousemove', event => show(event.target, event.clientX, event.clientY));
  document.addEventListener('focusin', event => {
    if (!event.target.matches('[data-tip]:focus-visible')) return;
    const {right, bottom} = event.target.getBoundingClientRect();
    show(event.target, right, bottom);
  });
  for (const leaving of ['focusout', 'mouseleave', 'pointercancel']) document.documentElement.addEventListener(leaving, hide);
  for (const leaving of ['scroll', 'blur', 'resize', 'beforeprint']) window.addEventListener(leaving, hide, true);
  document.addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
  new MutationObserver(() => { if (owner && !owner.isConnected) hide(); }).observe(document.body, {childList: true, subtree: true});
}
