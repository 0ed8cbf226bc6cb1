/** The style and the script of the contact sheet. The page's content policy names their hashes. */

export const SHEET_STYLE = `
:root{color-scheme:light dark;--back:#fafaf8;--text:#1d1d1f;--soft:#6b6b70;--line:#d8d8d4;--card:#fff;--warn:#b3261e;--info:#7a5900;--focus:#0b62d6}
@media (prefers-color-scheme:dark){:root{--back:#141416;--text:#ececee;--soft:#a0a0a8;--line:#34343a;--card:#1d1d21;--warn:#ff8a80;--info:#e8c468;--focus:#7db3ff}}
*{box-sizing:border-box}
body{margin:0;padding:1.25rem clamp(1rem,3vw,2.5rem) 3rem;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}
header p{margin:.3rem 0 1rem;color:var(--soft);max-width:80ch}
kbd{font:12px ui-monospace,monospace;border:1px solid var(--line);border-radius:4px;padding:0 .3em}
code{font:12.5px ui-monospace,monospace;overflow-wrap:anywhere}
details{border-top:1px solid var(--line);padding:.35rem 0}
summary{cursor:pointer}
details.warn b,em.warn{color:var(--warn)}
details.info b,em.info{color:var(--info)}
details p{margin:.3rem 0 .3rem 1.1rem;max-width:80ch}
ul{margin:.2rem 0 .5rem;padding-left:2.2rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:14px;margin:1.25rem 0;align-items:start}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden;content-visibility:auto;contain-intrinsic-size:200px 320px}
figure.warn{border-color:var(--warn)}
figure:focus{outline:3px solid var(--focus);outline-offset:1px}
figure div{display:flex;justify-content:center;align-items:center;position:relative;height:200px;background:repeating-conic-gradient(#8883 0 25%,transparent 0 50%) 0 0/16px 16px}
figure img{max-width:100%;max-height:100%;display:block}
figure svg,figure .mask{position:absolute}
figure .mask{mix-blend-mode:multiply;opacity:.8}
body.bare figure .mask{display:none}
.cut{fill:#000a}
rect{fill:none;stroke:#fff;stroke-width:1.5;vector-effect:non-scaling-stroke}
figcaption{padding:.5rem .65rem .65rem;display:flex;flex-direction:column;gap:.25rem}
small{color:var(--soft)}
em{font-style:normal;font-size:13px}
q{quotes:none;font-size:13px;overflow-wrap:anywhere;max-height:9.5em;overflow:auto}
.none{color:var(--soft);font-style:italic}
body.odd figure.plain{display:none}
body.whole figure svg{display:none}
`;

export const SHEET_SCRIPT = `
const grid=document.getElementById('grid'),all=[...grid.querySelectorAll('figure')];
const place=f=>{const i=f.querySelector('img'),s=f.querySelector('svg');if(!i||!s)return;s.setAttribute('width',i.clientWidth);s.setAttribute('height',i.clientHeight)};
const watch=new ResizeObserver(es=>es.forEach(e=>place(e.target.closest('figure'))));
all.forEach(f=>{const i=f.querySelector('img');if(i)watch.observe(i)});
let at=0;
const shown=()=>all.filter(f=>f.offsetParent!==null);
const go=f=>{if(!f)return;all[at].tabIndex=-1;at=all.indexOf(f);f.tabIndex=0;f.focus();f.scrollIntoView({block:'nearest'})};
grid.addEventListener('focusin',e=>{const f=e.target.closest('figure');if(f&&all[at]!==f){all[at].tabIndex=-1;at=all.indexOf(f);f.tabIndex=0}});
addEventListener('keydown',e=>{
if(e.ctrlKey||e.metaKey||e.altKey)return;
const list=shown(),i=list.indexOf(all[at]);
const columns=getComputedStyle(grid).gridTemplateColumns.split(' ').length;
const inGrid=grid.contains(document.activeElement);
if(e.key==='f'){document.body.classList.toggle('odd');go(shown()[0])}
else if(e.key==='c')document.body.classList.toggle('whole');
else if(e.key==='m')document.body.classList.toggle('bare');
else if(e.key==='n')go(list.slice(i+(inGrid?1:0)).find(f=>!f.classList.contains('plain')));
else if(e.key==='ArrowRight')go(inGrid?list[i+1]:list[i]);
else if(e.key==='ArrowLeft')go(list[i-1]);
else if(e.key==='ArrowDown'&&inGrid)go(list[i+columns]);
else if(e.key==='ArrowUp'&&inGrid)go(list[i-columns]);
else return;
e.preventDefault();
});
`;
