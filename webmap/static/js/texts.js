// The page's words and numbers, in the language of the page.

export class Texts {
  constructor(texts, language) {
    this.texts = texts;
    this.locale = language === "zh" ? "zh-CN" : "en-GB";
    this.language = language;
    this.plurals = new Intl.PluralRules(this.locale);
    this.whole = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 0 });
  }

  /** A text with its {names} filled in; `count` chooses between "one" and "other". */
  say(key, values = {}, count = null) {
    const found = this.texts[key];
    const text = typeof found === "string" ? found : found[count !== null && this.plurals.select(count) === "one" ? "one" : "other"];
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  number(value) {
    return this.whole.format(value);
  }

  /** Two significant figures below a hundred, whole above. */
  rate(value) {
    const digits = value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 2 };
    return new Intl.NumberFormat(this.locale, digits).format(value);
  }

  times(value) {
    return new Intl.NumberFormat(this.locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);
  }

  percent(value) {
    return new Intl.NumberFormat(this.locale, { style: "percent", signDisplay: "exceptZero" }).format(value);
  }

  day(iso, withYear = true) {
    const style = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
    if (withYear) style.year = "numeric";
    return new Intl.DateTimeFormat(this.locale, style).format(new Date(`${iso}T00:00:00Z`)).replace(/,/g, "");
  }

  /** Two days with the year said once, where the language puts it: "Sun 25 Oct – Sat 31 Oct 2026". */
  span(from, last) {
    if (from === last) return this.day(from);
    const oneYear = from.slice(0, 4) === last.slice(0, 4);
    const early = this.language === "zh";
    return `${this.day(from, !oneYear || early)} – ${this.day(last, !oneYear || !early)}`;
  }

  /** The moment as the place's clocks showed it: the server writes it with the place's offset, which is kept. */
  moment(iso) {
    const style = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC" };
    return new Intl.DateTimeFormat(this.locale, style).format(new Date(`${iso.slice(0, 19)}Z`));
  }

  pick(zh, en) {
    return this.language === "zh" ? zh || en : en || zh;
  }
}
