// The style and the script of an HTML report. Colours are paired with words, never alone.
#pragma once

namespace qwench::bench::report {

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1f23; --soft: #5b6470; --line: #d9dee5;
  --band: #f5f7fa; --link: #0b5cad; --good: #0a6640; --good-bg: #e0f4ea; --bad: #9b2c00;
  --bad-bg: #fde8df; --unsure: #6b5200; --unsure-bg: #fdf3d0; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e9ed; --soft: #9aa4b0;
  --line: #333a43; --band: #1d2228; --link: #79b8ff; --good: #7ee2b0; --good-bg: #12372a;
  --bad: #ffab8a; --bad-bg: #45210f; --unsure: #f0d264; --unsure-bg: #3b3210; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { margin: 0; font-size: 1.7rem; }
h2 { margin: 0; font-size: 1.15rem; }
header p { margin: .3rem 0 .8rem; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .2rem .9rem; padding: .5rem 0; }
nav a { color: var(--link); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.filter { color: var(--soft); }
.filter input { font: inherit; padding: .2rem .5rem; margin-left: .4rem; width: 16rem; color: inherit;
  background: var(--band); border: 1px solid var(--line); border-radius: 6px; }
section, details { margin: 1.2rem 0; padding-top: 1rem; border-top: 1px solid var(--line); }
summary { cursor: pointer; }
summary h2 { display: inline; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(215px, 1fr)); gap: .6rem;
  margin: .8rem 0; }
.card { background: var(--band); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
.card b { font-size: 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.card span { display: block; color: var(--soft); font-size: .85rem; }
.conclusions, .advice, .failures { padding-left: 1.2rem; }
.failures li { color: var(--bad); }
.advice { font-size: 1.02rem; }
.charts { display: grid; gap: 1rem; margin-top: .8rem; }
figure { margin: 0; }
figure img { width: 100%; max-width: 900px; height: auto; background: #ffffff; border-radius: 8px;
  border: 1px solid var(--line); }
figcaption { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; margin-top: .7rem; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.long { min-width: 18rem; max-width: 34rem; overflow-wrap: anywhere; }
tbody tr:nth-child(even) { background: var(--band); }
th { white-space: nowrap; border-bottom: 2px solid var(--line); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--link); }
th[aria-sort=ascending] button::after { content: " \25b2"; }
th[aria-sort=descending] button::after { content: " \25bc"; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.missing { text-align: center; color: var(--soft); cursor: help; }
.verdict { padding: .05rem .45rem; border-radius: 6px; white-space: nowrap; }
.verdict.good { color: var(--good); background: var(--good-bg); }
.verdict.bad { color: var(--bad); background: var(--bad-bg); }
.verdict.unsure { color: var(--unsure); background: var(--unsure-bg); }
.note { margin: .4rem 0 0; color: var(--soft); font-size: .88rem; max-width: 60rem; }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --band: #f5f5f5; --good: #0a6640; --good-bg: #e0f4ea; --bad: #9b2c00; --bad-bg: #fde8df;
    --unsure: #6b5200; --unsure-bg: #fdf3d0; }
  body { max-width: none; padding: 0; font-size: 11px; } nav, .filter { display: none; }
  figure, tr { break-inside: avoid; } .scroll { overflow: visible; } }
)css";

constexpr const char* kScript = R"js(
'use strict';
function keyOf(cell) {
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  return cell.classList.contains('missing') ? null : cell.textContent;
}
function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b));
}
for (const head of document.querySelectorAll('th')) {
  head.firstElementChild.addEventListener('click', () => {
    const up = head.getAttribute('aria-sort') !== 'ascending';
    for (const other of head.parentNode.children) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const body = head.closest('table').tBodies[0], column = head.cellIndex;
    const rows = Array.from(body.rows).map(row => [keyOf(row.cells[column]), row]);
    rows.sort((a, b) => {
      if (a[0] === null || b[0] === null) return compare(a[0], b[0]);
      return up ? compare(a[0], b[0]) : compare(b[0], a[0]);
    });
    body.append(...rows.map(pair => pair[1]));
  });
}
document.getElementById('filter').addEventListener('input', event => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll('tbody tr')) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
});
let closed = [];
addEventListener('beforeprint', () => {
  closed = Array.from(document.querySelectorAll('details:not([open])'));
  for (const details of closed) details.open = true;
});
addEventListener('afterprint', () => { for (const details of closed) details.open = false; });
)js";

}  // namespace qwench::bench::report
