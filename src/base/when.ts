/**
 * The names are written out here, because asking the system for them takes longer than everything else that `ps` does.
 */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `14:29` today, `yesterday 22:10`, `12 Nov 09:05`, with the year when it is not this year. */
export function formatWhen(seconds: number, now: Date): string {
  const date = new Date(seconds * 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  // Days are compared as numbers: comparing them as text would take most of the time that a list of a thousand runs
  // takes.
  const day = (of: Date) => (of.getFullYear() * 100 + of.getMonth()) * 100 + of.getDate();
  if (day(date) === day(now)) return clock;
  if (day(date) === day(yesterday)) return `yesterday ${clock}`;
  const month = MONTHS[date.getMonth()];
  const year = date.getFullYear() === now.getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${date.getDate()} ${month}${year} ${clock}`;
}
