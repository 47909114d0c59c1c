/** A moment as replies show it: RFC 3339 in UTC, to the millisecond. It passes from database to reply as text. */
export class Timestamp {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  static of(milliseconds: number): Timestamp {
    return new Timestamp(new Date(milliseconds).toISOString());
  }

  static now(): Timestamp {
    return Timestamp.of(Date.now());
  }

  get milliseconds(): number {
    return Date.parse(this.text);
  }

  plusSeconds(seconds: number): Timestamp {
    return Timestamp.of(this.milliseconds + seconds * 1000);
  }

  isBefore(other: Timestamp): boolean {
    return this.text < other.text;
  }

  toJSON(): string {
    return this.text;
  }
}
