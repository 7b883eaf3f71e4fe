// A play by rules: scenes in which lords and ladies speak in lines, from a small grammar. Like Shakespeare to the ear, and nobody's text.

import { seeded } from "./random.mjs";

/** Some characters of the play; the text of each run of the script is the same. */
const CHARACTERS = 300_000;

const SPEAKERS = {
  "DUKE ORLAN": "my noble duke",
  "LADY MERIDEL": "gentle lady",
  "THE KING": "my liege",
  "QUEEN ISAURA": "great queen",
  FOOL: "good fool",
  "CAPTAIN BREN": "brave captain",
  "FRIAR AMBROSE": "holy friar",
  "YOUNG CASSIM": "sweet youth",
};

const GRAMMAR = {
  line: [
    "{call}, {claim}.",
    "{claim}, and {claim};",
    "{wish} that {claim}!",
    "{question}?",
    "{advice}, for {claim}.",
    "If {claim}, then {advice}.",
    "O {adjective} {thing}, {question}?",
    "{claim}, as {image}.",
    "Not {adjective} {thing}, nor {adjective} {thing}, {verb} me so.",
  ],
  call: ["Hear me", "Good morrow", "Alas", "Marry", "By my troth", "Come hither", "Peace", "Mark this", "I pray thee"],
  wish: ["Would", "I swear", "They say", "Let it be known", "I dreamt last night", "All the world doth know"],
  claim: [
    "the {thing} hath {deed} the {thing}",
    "thy {thing} is {adjective} as the {thing}",
    "my {thing} doth {verb} the {adjective} {thing}",
    "{no} {thing} can {verb} a {adjective} {thing}",
    "I have {deed} {possessive} {thing} and {possessive} {thing}",
    "thou art more {adjective} than the {thing}",
    "there lies a {adjective} {thing} within {possessive} {thing}",
    "he that doth {verb} a {thing} shall {verb} a {adjective} {thing}",
    "we must {verb} the {thing} ere the {time}",
  ],
  question: [
    "wherefore dost thou {verb} {possessive} {thing}",
    "what {adjective} {thing} hath {deed} thee",
    "who shall {verb} the {thing} when the {time} is come",
    "hast thou {deed} {possessive} {adjective} {thing}",
    "where is the {thing} that I have {deed}",
    "canst thou not {verb} a {thing}",
  ],
  advice: [
    "{verb} thy {thing}",
    "{verb} not the {adjective} {thing}",
    "let us {verb} {possessive} {thing}",
    "bid the {thing} farewell",
    "go, and {verb} them all ere the {time}",
  ],
  image: [
    "the {time} doth {verb} the sea",
    "a {thing} upon a {adjective} {thing}",
    "the {adjective} moon that doth {verb} the {time}",
    "winter {thing}s in summer {thing}s",
  ],
  no: ["no", "never a", "scarce any", "many a"],
  possessive: ["my", "thy", "his", "her", "our", "their"],
  adjective: [
    "gentle",
    "cruel",
    "golden",
    "weary",
    "silent",
    "noble",
    "bitter",
    "honest",
    "pale",
    "merry",
    "wicked",
    "royal",
    "hollow",
    "tender",
    "ancient",
    "humble",
    "mortal",
    "envious",
    "valiant",
    "sleepless",
  ],
  thing: [
    "crown",
    "heart",
    "sword",
    "rose",
    "grave",
    "tongue",
    "shadow",
    "letter",
    "ship",
    "raven",
    "candle",
    "promise",
    "throne",
    "mirror",
    "garden",
    "storm",
    "secret",
    "brother",
    "kingdom",
    "fortune",
    "lute",
    "feather",
    "oath",
    "star",
    "dagger",
    "tale",
  ],
  verb: [
    "love",
    "betray",
    "guard",
    "forget",
    "praise",
    "follow",
    "break",
    "mourn",
    "steal",
    "crown",
    "forgive",
    "seek",
    "bury",
    "remember",
    "fear",
    "kiss",
    "mend",
    "curse",
  ],
  deed: [
    "loved",
    "betrayed",
    "guarded",
    "forgotten",
    "praised",
    "followed",
    "broken",
    "mourned",
    "stolen",
    "forgiven",
    "sought",
    "buried",
    "remembered",
    "feared",
    "kissed",
    "mended",
    "cursed",
  ],
  time: ["night", "dawn", "harvest", "tide", "winter", "morning", "feast", "last bell"],
  place: [
    "A hall in the castle",
    "A street",
    "The garden, by night",
    "A field near the camp",
    "On board a ship",
    "A chapel",
  ],
  sound: ["Exeunt.", "Trumpets.", "Thunder.", "Exit, laughing.", "A bell."],
};

export function play() {
  const random = seeded(3);
  const one = (list) => list[Math.floor(random() * list.length)];
  const written = (rule) => one(GRAMMAR[rule]).replaceAll(/\{(\w+)\}/g, (_, part) => written(part));
  const spoken = () => capital(written("line"));
  let text = "";
  for (let scene = 1; text.length < CHARACTERS; scene++) {
    text += `SCENE ${roman(scene)}. ${written("place")}.\n\n`;
    const present = Object.keys(SPEAKERS).filter(() => random() < 0.45);
    const speakers = present.length > 1 ? present : ["THE KING", "FOOL"];
    let speaker = one(speakers);
    for (let speeches = 6 + Math.floor(random() * 12); speeches > 0; speeches--) {
      const other = one(speakers.filter((name) => name !== speaker));
      const greets = random() < 0.3 ? `${capital(SPEAKERS[other])}, ` : "";
      const said = Array.from({ length: 1 + Math.floor(random() * 4) }, spoken);
      if (greets !== "") said[0] = greets + said[0][0].toLowerCase() + said[0].slice(1);
      text += `${speaker}:\n${said.join("\n")}\n\n`;
      speaker = other;
    }
    text += `[${written("sound")}]\n\n`;
  }
  return text;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

const NUMERALS = [
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

function roman(number) {
  let [left, text] = [number, ""];
  for (const [value, letters] of NUMERALS) for (; left >= value; left -= value) text += letters;
  return text;
}
