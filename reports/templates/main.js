// Puts the parts together.

const WAIT_BEFORE_FILTER_MS = 80;

async function start() {
  if (typeof DecompressionStream === "undefined") {
    document.getElementById("too-old").hidden = false;
    return;
  }
  const run = new Run(await unpack(document.getElementById("index")));
  document.getElementById("matrix").hidden = run.size === 0;
  const verdicts = new Set();
  const text = document.getElementById("filter-text");
  let shown = [];

  const dialog = new StoryDialog(run, document.getElementById("story"), (cell, step) => {
    const place = shown.indexOf(cell);
    return place < 0 ? undefined : shown[place + step];
  });
  const matrix = new Matrix(run, document.getElementById("scroll"), (cell) => dialog.open(cell));

  const update = () => {
    shown = run.matching(text.value, verdicts);
    matrix.show(shown);
    const cut = matrix.tooMany ? `; ${matrix.tooMany} more columns are not drawn: filter, or swap rows and columns` : "";
    document.getElementById("shown").textContent =
      `${shown.length.toLocaleString("en")} of ${run.size.toLocaleString("en")} cells${cut}`;
  };

  let waiting = 0;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, WAIT_BEFORE_FILTER_MS);
  });
  document.getElementById("swap").addEventListener("click", () => {
    matrix.swapped = !matrix.swapped;
    update();
  });
  document.getElementById("filter-verdicts").append(...verdictButtons(run, verdicts, update));
  for (const button of document.querySelectorAll("button[data-cell]")) {
    button.addEventListener("click", () => dialog.open(Number(button.dataset.cell)));
  }
  update();
  document.documentElement.dataset.ready = "true";
  const asked = location.hash.startsWith("#cell=") ? shown.find((cell) => dialog.address(cell) === location.hash) : undefined;
  if (asked !== undefined) await dialog.open(asked);
}

function verdictButtons(run, chosen, update) {
  const counts = new Map();
  for (const verdict of run.cells.verdict) counts.set(verdict, (counts.get(verdict) || 0) + 1);
  return [...counts.keys()].sort((a, b) => a - b).map((verdict) => {
    const { word, kind, meaning } = run.verdicts[verdict];
    const button = make("button", { type: "button", class: `word ${kind}`, "aria-pressed": "false", title: meaning },
      `${word} ${counts.get(verdict).toLocaleString("en")}`);
    button.addEventListener("click", () => {
      if (!chosen.delete(verdict)) chosen.add(verdict);
      button.setAttribute("aria-pressed", String(chosen.has(verdict)));
      update();
    });
    return button;
  });
}

start();
