/**
 * The invented stations. Every coordinate lies at least 15 km inside its country on every side, so that a borders
 * library of any precision finds the same country.
 */
export type Station = {
  readonly location: string;
  readonly city: string;
  /** ISO 3166-1 alpha-2, or XK. */
  readonly country: string;
  readonly countryLabel: string;
  readonly latitude: string;
  readonly longitude: string;
  readonly offsetMinutes: number;
  readonly channels: readonly Channel[];
};

/** What a station measures, and the span in which its ordinary values lie: always above zero, below every limit. */
export type Channel = {
  readonly parameter: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  readonly digits: number;
};

export const MICROGRAMS = "µg/m³";

/** All stations report six channels, so that a record's number decides its station, channel and instant. */
export const CHANNELS_PER_STATION = 6;

const MASS: readonly Channel[] = [
  { parameter: "pm25", unit: MICROGRAMS, low: 1, high: 80, digits: 1 },
  { parameter: "pm10", unit: MICROGRAMS, low: 2, high: 140, digits: 2 },
  { parameter: "o3", unit: MICROGRAMS, low: 10, high: 120, digits: 1 },
  { parameter: "no2", unit: MICROGRAMS, low: 1, high: 90, digits: 3 },
  { parameter: "so2", unit: MICROGRAMS, low: 0.5, high: 30, digits: 2 },
  { parameter: "bc", unit: MICROGRAMS, low: 0.2, high: 6, digits: 4 },
];

const VOLUME: readonly Channel[] = [
  { parameter: "pm25", unit: MICROGRAMS, low: 1, high: 80, digits: 0 },
  { parameter: "pm10", unit: MICROGRAMS, low: 2, high: 140, digits: 1 },
  { parameter: "o3", unit: "ppm", low: 0.005, high: 0.07, digits: 4 },
  { parameter: "no2", unit: "ppm", low: 0.002, high: 0.06, digits: 4 },
  { parameter: "so2", unit: "ppm", low: 0.001, high: 0.02, digits: 4 },
  { parameter: "co", unit: "ppm", low: 0.1, high: 3, digits: 2 },
];

const LOW_COST: readonly Channel[] = [
  { parameter: "pm1", unit: MICROGRAMS, low: 0.5, high: 40, digits: 2 },
  { parameter: "pm25", unit: MICROGRAMS, low: 1, high: 80, digits: 2 },
  { parameter: "um003", unit: "particles/cm³", low: 10, high: 4000, digits: 2 },
  { parameter: "temperature", unit: "c", low: 1, high: 34, digits: 1 },
  { parameter: "relativehumidity", unit: "%", low: 15, high: 95, digits: 0 },
  { parameter: "no", unit: "ppb", low: 0.5, high: 40, digits: 2 },
];

const COUNTRIES = {
  AT: { label: "Austria", offsetMinutes: 60, channels: MASS },
  AU: { label: "Australia", offsetMinutes: 600, channels: VOLUME },
  BD: { label: "Bangladesh", offsetMinutes: 360, channels: MASS },
  BR: { label: "Brazil", offsetMinutes: -180, channels: MASS },
  CA: { label: "Canada", offsetMinutes: -360, channels: VOLUME },
  CL: { label: "Chile", offsetMinutes: -180, channels: MASS },
  CN: { label: "China", offsetMinutes: 480, channels: MASS },
  DE: { label: "Germany", offsetMinutes: 60, channels: MASS },
  DZ: { label: "Algeria", offsetMinutes: 60, channels: LOW_COST },
  EG: { label: "Egypt", offsetMinutes: 120, channels: LOW_COST },
  ES: { label: "Spain", offsetMinutes: 60, channels: MASS },
  FR: { label: "France", offsetMinutes: 60, channels: MASS },
  GB: { label: "United Kingdom", offsetMinutes: 0, channels: MASS },
  GE: { label: "Georgia", offsetMinutes: 240, channels: MASS },
  GR: { label: "Greece", offsetMinutes: 120, channels: MASS },
  IL: { label: "Israel", offsetMinutes: 120, channels: VOLUME },
  IN: { label: "India", offsetMinutes: 330, channels: MASS },
  JP: { label: "Japan", offsetMinutes: 540, channels: VOLUME },
  KR: { label: "Korea, Republic of", offsetMinutes: 540, channels: VOLUME },
  MM: { label: "Myanmar", offsetMinutes: 390, channels: LOW_COST },
  MN: { label: "Mongolia", offsetMinutes: 480, channels: MASS },
  MX: { label: "Mexico", offsetMinutes: -360, channels: VOLUME },
  NA: { label: "Namibia", offsetMinutes: 120, channels: LOW_COST },
  NG: { label: "Nigeria", offsetMinutes: 60, channels: LOW_COST },
  NP: { label: "Nepal", offsetMinutes: 345, channels: MASS },
  PL: { label: "Poland", offsetMinutes: 60, channels: MASS },
  RU: { label: "Russian Federation", offsetMinutes: 420, channels: MASS },
  SA: { label: "Saudi Arabia", offsetMinutes: 180, channels: VOLUME },
  SE: { label: "Sweden", offsetMinutes: 60, channels: MASS },
  TH: { label: "Thailand", offsetMinutes: 420, channels: VOLUME },
  TR: { label: "Türkiye", offsetMinutes: 180, channels: MASS },
  UA: { label: "Ukraine", offsetMinutes: 120, channels: LOW_COST },
  US: { label: "United States", offsetMinutes: -360, channels: VOLUME },
  XK: { label: "Kosovo, Disputed Territory", offsetMinutes: 60, channels: LOW_COST },
  ZA: { label: "South Africa", offsetMinutes: 120, channels: MASS },
} as const;

/** Country, location, city, latitude, longitude. */
type Row = readonly [country: keyof typeof COUNTRIES, location: string, city: string, lat: string, lon: string];

const ROWS: readonly Row[] = [
  ["DE", "Kassel, Bärenhöhe", "Kassel", "51.31", "9.48"],
  ["DE", 'Messpunkt "Süd"', "Erfurt", "50.98", "11.03"],
  ["FR", "Bourges – Vallée d'Auron", "Bourges", "47.08", "2.4"],
  ["FR", "Clermont; place haute", "", "45.78", "3.08"],
  ["ES", "Estación «La Vega», norte", "Toledo", "39.86", "-4.02"],
  ["ES", "Matalasca\u{fffd}as de arriba", "Albacete", "38.99", "-1.86"],
  ["GB", "Birmingham Canal Yard", "Birmingham", "52.48", "-1.9"],
  ["GB", " Leeds Old Mill ", "Leeds", "53.8", "-1.55"],
  ["PL", "Łódź, ul. Wiśniowa", "Łódź", "51.76", "19.46"],
  ["IL", "מצפה הנגב", "נגב", "30.87", "34.79"],
  ["IL", 'תחנת "מזרח"', "unused", "31.05", "34.85"],
  ["EG", "محطة الوادي", "أسيوط", "27.18", "31.18"],
  ["SA", "حديقة النخيل، الرياض", "الرياض", "24.71", "46.68"],
  ["RU", "Новосибирск, Берёзовая роща", "Новосибирск", "55.03", "82.92"],
  ["RU", "Казань «Волга»", "Казань", "55.79", "49.12"],
  ["UA", "Черкаси — Їжакова гора", "Черкаси", "49.44", "32.06"],
  ["GR", "Λάρισα Κάτω Πηγάδι", "Λάρισα", "39.64", "22.42"],
  ["CN", "成都竹园站", "成都市", "30.66", "104.06"],
  ["CN", "武汉湖心亭", "武汉市", "30.59", "114.3"],
  ["JP", "長野市杏の里１２", "長野市", "36.65", "138.19"],
  ["JP", "オカヤマ測定局", "岡山市", "34.9", "133.93"],
  ["KR", "대전 느티나무길", "대전", "36.35", "127.38"],
  ["TH", "สถานีสวนมะม่วง", "นครสวรรค์", "15.7", "100.13"],
  ["IN", "नागपुर, संतरा बाग - NPCB", "नागपुर", "21.15", "79.09"],
  ["IN", "Jheel Marg, Bhopal - BPCB ", "Bhopal", "23.26", "77.41"],
  ["NP", "फेवा डाँडा", "पोखरा", "28.2", "84.0"],
  ["GE", "ქუთაისი, ჩაის ბაღი", "ქუთაისი", "42.25", "42.7"],
  ["AU", "Gum Tree Creek", "Alice Springs", "-23.7", "133.88"],
  ["AU", "Dubbo Wool Store", "Dubbo", "-32.24", "148.61"],
  ["BR", "Estação Ipê-amarelo", "Brasília", "-15.79", "-47.88"],
  ["US", "Wichita Grain Elevator #4", "037", "37.69", "-97.33"],
  ["US", "US Post: Denver\u{a0}East", "Denver", "39.74", "-104.99"],
  ["CA", "Saskatoon Rail Bridge", "N/A", "52.13", "-106.67"],
  ["CA", "Gander Wharf Road", "Gander", "48.95", "-54.61"],
  ["MX", "Puebla: Jardín de Talavera", "Puebla", "19.04", "-98.2"],
  ["NA", "Windhoek Acacia Park", "Windhoek", "-22.56", "17.08"],
  ["ZA", "Kimberley Saltbush", "Kimberley", "-28.74", "24.77"],
  ["NG", "Kaduna Ọjà Market", "Kaduna", "10.52", "7.44"],
  ["CL", "Talca, Viña Ñuble", "Talca", "-35.43", "-71.66"],
  ["XK", "Stacioni Gështenja", "Drenas", "42.58", "20.95"],
  ["TR", "Konya Iğde Sokağı", "Konya", "37.87", "32.49"],
  ["SE", "Falun Åkerbär", "Falun", "60.6", "15.63"],
  ["AT", "Gru\u{308}nau im Wald 🌲", "Leoben", "47.38", "15.09"],
  ["BD", "ঢাকা কদম তলা", "ঢাকা", "23.81", "90.41"],
  ["MN", "Улаанбаатар Өвс", "Ulaanbaatar", "47.92", "106.92"],
  ["DZ", "محطة النخلة البيضاء", "غرداية", "32.49", "3.67"],
  ["MM", "နေပြည်တော် ကံကော်", "နေပြည်တော်", "19.76", "96.08"],
];

export const STATIONS: readonly Station[] = ROWS.map(([country, location, city, latitude, longitude]) => {
  const { label, offsetMinutes, channels } = COUNTRIES[country];
  return { location, city, country, countryLabel: label, latitude, longitude, offsetMinutes, channels };
});

/**
 * FIPS 10-4 codes that ISO 3166-1 gives to another country: delivered as a country code they look right and are not.
 * Key: where the station stands (ISO); value: its FIPS code.
 */
export const FIPS_CODES_THAT_PASS: Readonly<Record<string, string>> = {
  AT: "AU",
  AU: "AS",
  BD: "BG",
  CL: "CI",
  CN: "CH",
  DE: "GM",
  DZ: "AG",
  GE: "GG",
  IL: "IS",
  MM: "BM",
  MN: "MG",
  NG: "NI",
  RU: "RS",
};
