/* generator: feedbot */
// What a page can do beyond being read: find a feed by typing, copy an address, and say how long ago it was.
// All the rest works without this script. It keeps nothing, and asks no server for anything.
"use strict";

(() => {
  const language = document.documentElement.lang;

  // ---- telling ----

  const said = document.createElement("p"); // read out by screen readers whenever its text changes
  said.className = "said";
  said.lang = "en";
  said.setAttribute("role", "status");
  document.body.append(said);
  let silence = 0;

  function say(text) {
    said.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { said.textContent = ""; }, 6000);
  }

  // ---- copying an address ----

  for (const address of document.querySelectorAll(".address")) {
    const button = document.createElement("button");
    const what = address.closest("li, section").querySelector("h2, h3, a").textContent.trim();
    button.type = "button";
    button.lang = "en";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy address: ${what}`);
    button.addEventListener("click", () => copy(address));
    address.after(button);
  }

  async function copy(address) {
    try {
      await navigator.clipboard.writeText(address.textContent);
    } catch { // browsers keep the clipboard from pages of plain http, or were told to
      address.classList.add("shown");
      getSelection().selectAllChildren(address);
      if (!document.execCommand("copy")) {
        say("The address is selected: copy it with your keyboard.");
        return;
      }
    }
    say(`Copied: ${address.textContent}`);
  }

  // ---- how long ago ----

  const SECONDS = { year: 31556952, month: 2629746, week: 604800, day: 86400, hour: 3600, minute: 60 };

  function localised(make) { // a language that the browser does not know costs nobody the page
    try { return make(language); } catch { return make("en"); }
  }

  const relative = localised((tag) => new Intl.RelativeTimeFormat(tag, { numeric: "auto" }));
  const exact = localised((tag) => new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "short" }));

  function ago(moment) {
    const seconds = Math.max(0, (Date.now() - moment) / 1000);
    const unit = Object.keys(SECONDS).find((name) => seconds >= SECONDS[name]);
    return unit ? relative.format(-Math.floor(seconds / SECONDS[unit]), unit) : relative.format(0, "second");
  }

  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.title = exact.format(moment); // in the reader's own time zone
    if (!time.matches(".facts > time:first-of-type")) continue; // one of each is enough
    const words = document.createElement("bdi");
    words.lang = language;
    words.textContent = `(${ago(moment)})`;
    time.after(" ", words);
  }

  // ---- finding a feed ----

  const field = document.querySelector("#find");
  if (!field) return;

  const found = document.querySelector("#found");
  const letters = document.querySelector(".letters");
  const sections = [...document.querySelectorAll(".letter")];
  const rows = [...document.querySelectorAll(".feeds > li")];
  const texts = rows.map((row) =>
    fold([...row.querySelectorAll(":scope > a, h3, .about")].map((part) => part.textContent).join(" ")));
  let telling = 0;

  function fold(text) { // neither case nor accents count: upper case, because ß is SS there
    return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toUpperCase()
      .replace(/[ŁØĐ]/g, (letter) => ({ Ł: "L", Ø: "O", Đ: "D" })[letter]);
  }

  function find() {
    const words = fold(field.value).split(/\s+/).filter(Boolean);
    let number = 0;
    rows.forEach((row, place) => {
      const fits = words.every((word) => texts[place].includes(word));
      number += fits;
      if (row.hidden === fits) row.hidden = !fits;
    });
    for (const section of sections) section.hidden = !section.querySelector("li:not([hidden])");
    if (letters) letters.hidden = words.length > 0;
    clearTimeout(telling); // not at each key, so that who listens is not talked over
    telling = setTimeout(() => { found.textContent = words.length ? result(number) : ""; }, 250);
  }

  function result(number) {
    if (!number) return "No feed is called that. Escape shows all again.";
    return `${number} of ${rows.length} feeds`;
  }

  field.addEventListener("input", find);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      field.value = "";
      find();
    } else if (event.key === "Enter") { // to the first that was found
      rows.find((row) => !row.hidden)?.querySelector("a").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    const isPlain = event.key === "/" && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (isPlain && !event.target.closest("input, textarea, select, [contenteditable]")) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });
  addEventListener("pageshow", find); // what was typed before a link was followed still stands there
  field.closest("[hidden]").hidden = false;
})();
