// The story of one cell, in a dialog.

class StoryDialog {
  /** `walk(cell, step)`: the cell beside this one among those shown, or undefined. */
  constructor(run, element, walk) {
    this.run = run;
    this.element = element;
    this.walk = walk;
    element.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
    element.addEventListener("click", (event) => {
      if (event.target === element) element.close();
    });
  }

  address(cell) {
    const { cells } = this.run;
    const subject = this.run.subjects[cells.subject[cell]];
    const parts = [subject.client, this.run.scenarios[cells.scenario[cell]].id, subject.strategy,
      this.run.tls[cells.tls[cell]], cells.round[cell]];
    return "#cell=" + parts.map(encodeURIComponent).join("&");
  }

  async open(cell) {
    this.wanted = cell;
    const story = await this.run.story(cell);
    if (this.wanted !== cell) return;
    const heading = make("h2", { id: "story-title", tabindex: "-1" }, ...this.title(cell));
    this.element.replaceChildren(
      this.toolbar(cell),
      make("div", { class: "page" }, heading, this.variants(cell), ...this.body(cell, story)),
    );
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
    heading.focus();
    history.replaceState(null, "", this.address(cell));
  }

  toolbar(cell) {
    const step = (label, by) => {
      const other = this.walk(cell, by);
      return make("button", { type: "button", disabled: other === undefined, onclick: () => this.open(other) }, label);
    };
    const close = make("button", { type: "button", class: "close", onclick: () => this.element.close() }, "Close");
    return make("div", { class: "toolbar" }, step("← Previous", -1), step("Next →", 1), close);
  }

  title(cell) {
    const { cells, scenarios, subjects } = this.run;
    const scenario = scenarios[cells.scenario[cell]];
    const verdict = this.run.verdict(cell);
    const word = make("span", { class: `word ${this.run.kind(cell)}` }, verdict.word + (cells.known[cell] ? ", known" : ""));
    return [make("bdi", {}, subjects[cells.subject[cell]].client), " ",
      make("span", { class: "code" }, scenario.code), ` ${scenario.id.split("/")[1]} `, word];
  }

  variants(cell) {
    const { cells, subjects, tls } = this.run;
    const group = this.run.group(cells.subject[cell], cells.scenario[cell]);
    const rounds = new Set(group.map((each) => cells.round[each])).size > 1;
    const buttons = group.map((each) => make("button", {
      type: "button", "aria-pressed": String(each === cell), onclick: () => this.open(each),
    }, `TLS ${tls[cells.tls[each]]}${rounds ? `, round ${cells.round[each] + 1}` : ""} `,
    make("span", { class: `word ${this.run.kind(each)}` }, this.run.verdict(each).word)));
    const { strategy, version } = subjects[cells.subject[cell]];
    const facts = [strategy === "-" ? "" : `Pin strategy: ${strategy}`, version].filter(Boolean).join(" · ");
    return make("div", { class: "variants" }, ...buttons, make("p", { class: "version" }, facts));
  }

  body(cell, story) {
    const scenario = this.run.scenarios[this.run.cells.scenario[cell]];
    const verdict = this.run.verdict(cell);
    const isRight = verdict.kind === "right";
    const title = { right: "Why this is right", wrong: "Why this is wrong" }[verdict.kind] || "Why this verdict";
    const several = story.stages.length > 1;
    return [
      make("p", { class: `verdict ${this.run.kind(cell)}` }, make("b", {}, `${verdict.word}: `), story.reason),
      section("What it is", make("p", {}, scenario.summary), make("p", {}, make("b", {}, "It catches "), scenario.catches, ".")),
      ...story.stages.flatMap((stage, number) => this.stage(stage, several ? `Stage ${number + 1}: ` : "")),
      story.stages.length ? null : section("What was served", make("p", {}, "Nothing: this cell was not run.")),
      section(title, make("p", {}, `By ${verdict.word} is meant: ${verdict.meaning}.`), ...story.why.map((each) => make("p", {}, each))),
      isRight ? null : section("What to do", make("p", {}, verdict.advice)),
      section("Repeat just this cell", copyable(story.repeat)),
      section("What to read", make("ul", {},
        ...scenario.read.map(({ text, link }) => make("li", {}, link ? make("a", { href: link, rel: "noreferrer" }, text) : text)),
        make("li", {}, make("code", {}, `pindrill show ${scenario.code}`), " draws the scenario with its expectations")))
    ].filter(Boolean);
  }

  stage(stage, prefix) {
    return [
      section(`${prefix}What was served`,
        make("p", {}, make("b", {}, `${stage.must}: `), `${stage.because}.`),
        make("div", { class: "served" }, drawnChain(stage.chain), drawnPins(stage.pins, stage.chain))),
      section(`${prefix}What the client did`, ...stage.attempts.flatMap((attempt, number) => [
        stage.attempts.length > 1 ? make("h4", {}, `Attempt ${number + 1}`) : null,
        timeLine(attempt.events),
        ...attempt.output.map(([where, text]) => make("details", {}, make("summary", {}, `Its ${where}`), make("pre", {}, text))),
      ].filter(Boolean))),
    ];
  }
}

function section(title, ...children) {
  return make("section", {}, make("h3", {}, title), ...children);
}

function copyable(text) {
  const code = make("code", { tabindex: "0" }, text);
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
  });
  return make("div", { class: "copy" }, code, button);
}

/** The list presented, from the leaf on; an arrow is what a certificate names as its issuer, a gap where that is not next. */
function drawnChain(chain) {
  const items = chain.map((each, number) => make("li", { class: each.pinned ? "pinned" : null },
    number && !each.follows ? make("p", { class: "gap" }, "not the issuer named above") : null,
    make("div", { class: "certificate" },
      make("p", {}, make("span", { class: "number" }, String(number + 1)), " ", make("b", {}, make("bdi", {}, each.subject)),
        each.pinned ? make("span", { class: "pin" }, "pinned") : null),
      each.names.length ? make("p", {}, "for ", make("bdi", {}, each.names.join(", "))) : null,
      make("p", {}, `${each.since} to ${each.until}`),
      make("p", {}, "key sha256/", make("code", { title: `certificate sha256/${each.certificate}` }, each.spki))),
    make("p", { class: "issuer" }, each.names_itself ? "names itself as its issuer" : `issuer: ${each.issuer}`)));
  return make("ol", { class: "chain", "aria-label": "Certificates presented, in order" }, ...items);
}

function drawnPins(pins, chain) {
  if (pins === null) return make("p", { class: "pins" }, "The client was told no pins in this run.");
  if (!pins.length) return make("p", { class: "pins" }, "The client was told an empty pin set.");
  const items = pins.map(({ value, matches }) => make("li", { class: matches.length ? "match" : null },
    make("code", {}, value || "(empty)"),
    make("p", {}, matches.length
      ? `matches certificate ${matches.join(" and ")}: ${chain[matches[0] - 1].subject}`
      : "matches nothing presented")));
  return make("div", { class: "pins" }, make("h4", {}, "Pins that the client was told"), make("ul", {}, ...items));
}

function timeLine(events) {
  return make("ol", { class: "time" }, ...events.map((event) => make("li", { class: event.tone || null },
    make("span", { class: "ms" }, event.ms === null ? "end" : `${event.ms.toFixed(2)} ms`),
    make("span", { class: "who" }, event.connection === null ? "" : `#${event.connection}`),
    make("span", { class: "what" }, event.text))));
}
