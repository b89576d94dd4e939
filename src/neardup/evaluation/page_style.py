"""How ``report.html`` looks: light and dark, narrow and wide, no network."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --paper: #fbfbfa; --card: #ffffff;
  --grid: #d5dbe1; --quiet: #5c6873; --accent: #2369a8; --warn: #8a4b08; --warn-paper: #fdf1e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --paper: #14181c; --card: #1c2227;
  --grid: #39434c; --quiet: #9aa6b1; --accent: #7cb5ec; --warn: #f2c48a; --warn-paper: #3a2a16; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1.2rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.quiet { color: var(--quiet); font-size: .9rem; margin: .2rem 0; }
.verdict { font-size: 1.25rem; line-height: 1.4; margin: .9rem 0; }
.warning { background: var(--warn-paper); color: var(--warn); padding: .5rem .8rem;
  border-radius: 6px; margin: .4rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 60%; }
th, td { padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; }
th { font-weight: 600; color: var(--quiet); font-size: .88rem; }
th:first-child, td:first-child { text-align: left; }
td.words { white-space: normal; min-width: 14rem; }
tr.chosen td { font-weight: 650; color: var(--accent); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr));
  gap: 1rem; }
figure { margin: 0; padding: .8rem; background: var(--card); border: 1px solid var(--grid);
  border-radius: 8px; min-width: 0; }
figure svg { width: 100%; height: auto; display: block; }
figure.wide { grid-column: 1 / -1; overflow-x: auto; }
figure.wide svg { max-width: 860px; min-width: 620px; }
figcaption { font-size: .9rem; color: var(--quiet); margin-bottom: .4rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr));
  gap: .8rem; }
.pair { background: var(--card); border: 1px solid var(--grid); border-radius: 8px;
  padding: .5rem; font-size: .8rem; overflow-wrap: anywhere; min-width: 0; }
.pair .two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 4px; }
.pair .two div { aspect-ratio: 1; background: var(--grid); position: relative; }
.pair img { position: absolute; width: 100%; height: 100%; object-fit: contain; }
.pair b { color: var(--accent); }
@media (max-width: 560px) { body { padding: .8rem; } .verdict { font-size: 1.1rem; }
  th, td { padding-right: .5rem; font-size: .85rem; } }
details { margin: .6rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; font-size: .8rem; }
"""
