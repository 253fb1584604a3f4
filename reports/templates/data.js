// What the page carries: an index of all cells, and blocks of stories that are unpacked when one is opened.

async function unpack(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** An element with properties and children; text only ever becomes text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

class Run {
  constructor(index) {
    Object.assign(this, index);
    this.size = this.cells.verdict.length;
    this.strategiesOf = new Map();
    for (const { client } of this.subjects) this.strategiesOf.set(client, (this.strategiesOf.get(client) || 0) + 1);
    this.groups = new Map();
    for (let cell = 0; cell < this.size; cell++) {
      const key = this.key(this.cells.subject[cell], this.cells.scenario[cell]);
      if (this.groups.has(key)) this.groups.get(key).push(cell);
      else this.groups.set(key, [cell]);
    }
  }

  key(subject, scenario) {
    return subject * this.scenarios.length + scenario;
  }

  group(subject, scenario) {
    return this.groups.get(this.key(subject, scenario)) || [];
  }

  verdict(cell) {
    return this.verdicts[this.cells.verdict[cell]];
  }

  kind(cell) {
    return this.cells.known[cell] ? "known" : this.verdict(cell).kind;
  }

  mark(cell) {
    const { word, mark } = this.verdict(cell);
    return (word === "pass" ? "✓" : word === "unsupported" ? "–" : mark) + (this.cells.known[cell] ? "*" : "");
  }

  subjectName(number) {
    const { client, strategy } = this.subjects[number];
    return this.strategiesOf.get(client) > 1 ? `${client} · ${strategy}` : client;
  }

  scenarioName(number) {
    return this.scenarios[number].id.split("/")[1];
  }

  /** Which cells match all words of the text and one of the verdicts; an empty set of verdicts asks for none. */
  matching(text, verdicts) {
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => ({
      subject: this.subjects.map((each) => `${each.client} ${each.strategy}`.toLowerCase().includes(word)),
      scenario: this.scenarios.map((each) => `${each.code} ${each.id}`.toLowerCase().includes(word)),
      tls: this.tls.map((each) => each === word || `tls${each}` === word),
      verdict: this.verdicts.map((each) => each.word === word),
    }));
    const found = [];
    for (let cell = 0; cell < this.size; cell++) {
      if (verdicts.size && !verdicts.has(this.cells.verdict[cell])) continue;
      const says = (word) => word.subject[this.cells.subject[cell]] || word.scenario[this.cells.scenario[cell]]
        || word.tls[this.cells.tls[cell]] || word.verdict[this.cells.verdict[cell]];
      if (wanted.every(says)) found.push(cell);
    }
    return found;
  }

  async story(cell) {
    const number = Math.floor(cell / this.block);
    if (this.unpacked?.number !== number) {
      this.unpacked = { number, stories: await unpack(document.getElementById(`block-${number}`)) };
    }
    return this.unpacked.stories[cell % this.block];
  }
}
