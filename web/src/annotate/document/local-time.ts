/** ISO 8601 with the zone of whoever sits here, which `toISOString` drops: it tells their day. */
export function localTime(time: Date): string {
  const offset = -time.getTimezoneOffset(); // minutes east of Greenwich
  const local = new Date(time.getTime() + 60_000 * offset).toISOString().slice(0, -1);
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const [hours, minutes] = [Math.abs(offset) / 60, Math.abs(offset) % 60];
  return `${local}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}
