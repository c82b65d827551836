/**
 * Ground for which more than one country's code is right. The borders library draws the lines of actual control, ISO 3166
 * often assigns the same ground otherwise, and stations there are run, and coded, by either side. A flag on those rows would
 * not tell of a fault, so both codes pass. The list takes no side: it holds who administers the ground and whom ISO gives it to.
 */
export interface ContestedGround {
  readonly name: string;
  /** The library's ids of the areas that it applies to. */
  readonly areas: readonly string[];
  /** Only inside this box, where the library has no area of its own: south, west, north, east in degrees. */
  readonly box?: readonly [number, number, number, number];
  /** ISO alpha-2 codes that are right there, besides the library's own; the first stands where the library has none. */
  readonly codes: readonly [string, ...string[]];
}

export const contestedGround: readonly ContestedGround[] = [
  { name: "West Bank", areas: ["Q36678"], codes: ["IL"] },
  { name: "East Jerusalem", areas: ["IL"], box: [31.7, 35.2, 31.89, 35.31], codes: ["PS"] },
  { name: "Golan Heights", areas: ["IL"], box: [32.65, 35.62, 33.4, 35.95], codes: ["SY"] },
  { name: "Kosovo", areas: ["XK"], codes: ["RS"] },
  { name: "Crimea", areas: ["Q7835"], codes: ["UA"] },
  { name: "Western Sahara", areas: ["MA"], box: [20.7, -17.2, 27.67, -8.66], codes: ["EH"] },
  { name: "Western Sahara, east of the berm", areas: ["EH"], codes: ["MA"] },
  { name: "Northern Cyprus", areas: ["Q23681"], codes: ["CY"] },
  { name: "Akrotiri and Dhekelia", areas: ["Q9143535", "Q9206745"], codes: ["CY"] },
];
