// The matrix client x scenario. Only the rows in view are in the document.

const ROW_HEIGHT = 32;
const SPARE_ROWS = 12;
const ALL_ROWS_UP_TO = 300;
const MOST_COLUMNS = 150;
const MANY_CLIENTS = 24;

class Matrix {
  constructor(run, scroll, open) {
    this.run = run;
    this.scroll = scroll;
    this.open = open;
    this.swapped = run.subjects.length > MANY_CLIENTS && run.subjects.length > run.scenarios.length;
    this.active = { row: 0, column: 0 };
    scroll.addEventListener("scroll", () => requestAnimationFrame(() => this.fill()));
    scroll.addEventListener("keydown", (event) => this.key(event));
    scroll.addEventListener("click", (event) => {
      const place = event.target.closest("td[data-row]");
      if (place) this.choose(Number(place.dataset.row), Number(place.dataset.column));
    });
    addEventListener("resize", () => this.fill());
    addEventListener("beforeprint", () => this.fill(2000));
    addEventListener("afterprint", () => this.fill());
  }

  /** Shows rows and columns that hold at least one of these cells; other cells of theirs are faint. */
  show(cells) {
    this.wanted = new Set(cells);
    const scenarios = [...new Set(cells.map((cell) => this.run.cells.scenario[cell]))].sort((a, b) => a - b);
    const subjects = [...new Set(cells.map((cell) => this.run.cells.subject[cell]))].sort((a, b) => a - b);
    [this.rows, this.columns] = this.swapped ? [subjects, scenarios] : [scenarios, subjects];
    this.tooMany = Math.max(0, this.columns.length - MOST_COLUMNS);
    this.columns = this.columns.slice(0, MOST_COLUMNS);
    this.active = this.firstFilled();
    this.body = make("tbody");
    const upright = !this.swapped && this.columns.length > 6;
    const table = make("table", {
      role: "grid", class: (this.swapped ? "swapped" : "") + (upright ? " upright" : ""),
      "aria-rowcount": String(this.rows.length + 1), "aria-colcount": String(this.columns.length + 1),
      "aria-label": this.swapped ? "Verdicts, clients by scenarios" : "Verdicts, scenarios by clients",
    }, this.head(), this.body);
    this.scroll.replaceChildren(table);
    this.scroll.scrollTop = 0;
    this.filled = null;
    this.fill();
  }

  firstFilled() {
    for (let row = 0; row < this.rows.length; row++) {
      const column = this.columns.findIndex((_, place) => this.group(row, place).length);
      if (column >= 0) return { row, column };
    }
    return { row: 0, column: 0 };
  }

  head() {
    const corner = make("th", { scope: "col" }, this.swapped ? "Client" : "Scenario");
    const names = this.columns.map((column) => this.swapped
      ? make("th", { scope: "col", title: this.run.scenarios[column].id }, make("span", {}, this.run.scenarios[column].code))
      : make("th", { scope: "col", title: this.run.subjects[column].version || null },
        make("span", {}, make("bdi", {}, this.run.subjectName(column)))));
    return make("thead", {}, make("tr", { "aria-rowindex": "1" }, corner, ...names));
  }

  fill(most = ALL_ROWS_UP_TO) {
    if (!this.rows) return;
    let from = 0, to = this.rows.length;
    if (this.rows.length > most) {
      from = Math.max(0, Math.floor(this.scroll.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
      to = Math.min(this.rows.length, from + Math.ceil(this.scroll.clientHeight / ROW_HEIGHT) + 2 * SPARE_ROWS);
    }
    if (this.filled === `${from}-${to}`) return;
    this.filled = `${from}-${to}`;
    const hadFocus = this.body.contains(document.activeElement);
    const rows = [];
    for (let row = from; row < to; row++) rows.push(this.row(row));
    this.body.replaceChildren(this.spacer(from), ...rows, this.spacer(this.rows.length - to));
    if (hadFocus) (this.cellAt(this.active.row, this.active.column) || this.scroll).focus({ preventScroll: true });
  }

  spacer(rows) {
    const row = make("tr", { "aria-hidden": "true" });
    row.style.height = `${rows * ROW_HEIGHT}px`;
    return row;
  }

  row(number) {
    const name = this.rows[number];
    const heading = this.swapped
      ? make("th", { scope: "row" }, make("bdi", {}, this.run.subjectName(name)))
      : make("th", { scope: "row", title: this.run.scenarios[name].summary },
        make("span", { class: "code" }, this.run.scenarios[name].code), this.run.scenarioName(name));
    const cells = this.columns.map((column, place) => this.cell(number, place));
    return make("tr", { "aria-rowindex": String(number + 2) }, heading, ...cells);
  }

  group(row, column) {
    return this.swapped ? this.run.group(this.rows[row], this.columns[column]) : this.run.group(this.columns[column], this.rows[row]);
  }

  cell(row, column) {
    const group = this.group(row, column);
    if (!group.length) return make("td", { "aria-label": "not run" });
    const worst = new Map();
    for (const cell of group) {
      const tls = this.run.cells.tls[cell];
      if (!worst.has(tls) || this.run.cells.verdict[cell] < this.run.cells.verdict[worst.get(tls)]) worst.set(tls, cell);
    }
    const shown = [...worst.values()].sort((a, b) => this.run.cells.tls[a] - this.run.cells.tls[b]);
    const same = new Set(shown.map((cell) => this.run.kind(cell) + this.run.verdict(cell).word)).size === 1;
    const marks = (same ? shown.slice(0, 1) : shown).map((cell) =>
      make("span", { class: `mark ${this.run.kind(cell)}` }, this.run.mark(cell)));
    const subject = this.run.subjectName(this.swapped ? this.rows[row] : this.columns[column]);
    const scenario = this.run.scenarios[this.swapped ? this.columns[column] : this.rows[row]];
    const verdicts = shown.map((cell) =>
      (same ? "" : `TLS ${this.run.tls[this.run.cells.tls[cell]]} `) + this.run.verdict(cell).word + (this.run.cells.known[cell] ? ", known" : ""));
    const isActive = row === this.active.row && column === this.active.column;
    return make("td", {
      "data-row": String(row), "data-column": String(column), tabindex: isActive ? "0" : "-1",
      class: group.some((cell) => this.wanted.has(cell)) ? null : "faint",
      "aria-label": `${subject}, ${scenario.code} ${scenario.id.split("/")[1]}: ${[...new Set(verdicts)].join(", ")}`,
    }, ...marks);
  }

  cellAt(row, column) {
    return this.body.querySelector(`td[data-row="${row}"][data-column="${column}"]`);
  }

  /** The worst cell of the group that the filter asks for. */
  choose(row, column) {
    const group = this.group(row, column);
    const wanted = group.filter((cell) => this.wanted.has(cell));
    const candidates = wanted.length ? wanted : group;
    if (!candidates.length) return;
    this.moveTo(row, column);
    this.open(candidates.reduce((a, b) => (this.run.cells.verdict[b] < this.run.cells.verdict[a] ? b : a)));
  }

  moveTo(row, column) {
    this.cellAt(this.active.row, this.active.column)?.setAttribute("tabindex", "-1");
    this.active = { row, column };
    const top = row * ROW_HEIGHT, head = this.body.previousSibling.offsetHeight;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (top + ROW_HEIGHT + head > this.scroll.scrollTop + this.scroll.clientHeight) {
      this.scroll.scrollTop = top + ROW_HEIGHT + head - this.scroll.clientHeight;
    }
    this.fill();
    const cell = this.cellAt(row, column);
    cell?.setAttribute("tabindex", "0");
    (cell || this.scroll).focus();
  }

  key(event) {
    const { row, column } = this.active;
    const page = Math.max(1, Math.floor(this.scroll.clientHeight / ROW_HEIGHT) - 2);
    const last = { row: this.rows.length - 1, column: this.columns.length - 1 };
    const moves = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      PageUp: [row - page, column], PageDown: [row + page, column],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? last.row : row, last.column],
    };
    if (event.key === "Enter" || event.key === " ") this.choose(row, column);
    else if (moves[event.key]) {
      const step = this.nextFilled(moves[event.key], { row, column }, last);
      if (step) this.moveTo(...step);
    } else return;
    event.preventDefault();
  }

  /** Cells that were not run cannot have the focus: go on in the same direction. */
  nextFilled([row, column], from, last) {
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    const far = Math.abs(row - from.row) > 1 || Math.abs(column - from.column) > 1;
    if (far) [row, column] = [clamp(row, last.row), clamp(column, last.column)];
    const step = { row: Math.sign(row - from.row), column: Math.sign(column - from.column) };
    const back = far ? -1 : 1;
    while (row >= 0 && row <= last.row && column >= 0 && column <= last.column) {
      if (this.group(row, column).length) return [row, column];
      row += step.row * back;
      column += step.column * back;
      if (!step.row && !step.column) return null;
    }
    return null;
  }
}
