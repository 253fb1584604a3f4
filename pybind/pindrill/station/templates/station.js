"use strict";
const live = document.getElementById("live");
let shown = live.innerHTML;

async function refresh() {
  try {
    const response = await fetch("live", { cache: "no-store" });
    if (response.ok) show(await response.text());
  } catch (error) {
    document.title = "pindrill station · not reached";
  }
}

// Rows stay open, and the focus where it is, unless something changed.
function show(html) {
  if (html === shown) return;
  shown = html;
  const open = new Set([...live.querySelectorAll("details[open]")].map(row => row.id));
  const focused = document.activeElement?.closest("details")?.id;
  live.innerHTML = html;
  for (const row of live.querySelectorAll("details")) {
    row.open = open.has(row.id);
    if (row.id === focused) row.querySelector("summary").focus();
  }
}

live.addEventListener("submit", async event => {
  event.preventDefault();
  await fetch("next", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
  refresh();
});
setInterval(refresh, 1000);
