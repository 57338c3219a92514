//! Writers of the words that event cameras send over USB.

/// Writes EVT 3.0 as a sensor does: only what has changed.
#[derive(Default)]
pub struct Evt3Writer {
    words: Vec<u16>,
    high: Option<u16>,
    low: Option<u16>,
    row: Option<u16>,
}

impl Evt3Writer {
    fn push(&mut self, kind: u16, data: u16) -> &mut Self {
        self.words.push(kind << 12 | data);
        self
    }

    pub fn time(&mut self, t_us: i64) -> &mut Self {
        let (high, low) = ((t_us >> 12 & 0xfff) as u16, (t_us & 0xfff) as u16);
        if self.high.replace(high) != Some(high) {
            self.low = None;
            self.push(0x8, high);
        }
        if self.low.replace(low) != Some(low) {
            self.push(0x6, low);
        }
        self
    }

    fn row(&mut self, y: u16) -> &mut Self {
        if self.row.replace(y) != Some(y) {
            self.push(0x0, y);
        }
        self
    }

    pub fn event(&mut self, x: u16, y: u16, on: bool) -> &mut Self {
        self.row(y).push(0x2, u16::from(on) << 11 | x)
    }

    /// Events of several pixels from `x` on, as two words of twelve and one of eight.
    pub fn vector(&mut self, x: u16, y: u16, on: bool, mask: u32) -> &mut Self {
        self.row(y).push(0x3, u16::from(on) << 11 | x);
        self.push(0x4, (mask & 0xfff) as u16);
        self.push(0x4, (mask >> 12 & 0xfff) as u16);
        self.push(0x5, (mask >> 24) as u16)
    }

    pub fn trigger(&mut self, rising: bool) -> &mut Self {
        self.push(0xa, u16::from(rising))
    }

    /// The counters before and after the rate limiter.
    pub fn counters(&mut self, entered: u32, left: u32) -> &mut Self {
        for (kind, count) in [(0x014, entered), (0x016, left)] {
            self.push(0xe, kind).push(0xf, (count & 0xfff) as u16);
            self.push(0xf, (count >> 12 & 0xfff) as u16).push(0x7, (count >> 24) as u16);
        }
        self
    }

    /// The next words repeat time and row.
    pub fn forget(&mut self) {
        (self.high, self.low, self.row) = (None, None, None);
    }

    pub fn take(&mut self) -> Vec<u8> {
        bytes(std::mem::take(&mut self.words))
    }
}

fn bytes(words: Vec<u16>) -> Vec<u8> {
    words.into_iter().flat_map(u16::to_le_bytes).collect()
}

/// Writes the words of iniVation's cameras.
#[derive(Default)]
pub struct InivationWriter {
    words: Vec<u16>,
    wraps: i64,
}

impl InivationWriter {
    fn push(&mut self, kind: u16, data: u16) -> &mut Self {
        self.words.push(kind << 12 | data);
        self
    }

    /// The time, with wraps before it where needed: several of them are one word.
    pub fn time(&mut self, t_us: i64) -> &mut Self {
        let wraps = t_us >> 15;
        let new = wraps - std::mem::replace(&mut self.wraps, wraps);
        if new > 0 {
            self.push(0x7, new as u16);
        }
        self.words.push(0x8000 | (t_us & 0x7fff) as u16);
        self
    }

    pub fn reset(&mut self) -> &mut Self {
        self.wraps = 0;
        self.push(0x0, 1)
    }

    pub fn edge(&mut self, rising: bool) -> &mut Self {
        self.push(0x0, if rising { 3 } else { 2 })
    }

    /// Events of a DVXplorer: pixels of a column in a group of eight rows.
    pub fn groups(&mut self, x: u16, group: u16, mask: u16, on: bool) -> &mut Self {
        self.push(0x1, x).push(0x4, group).push(0x3, u16::from(!on) << 8 | mask)
    }

    /// Events of a DVXplorer in two groups, the second one `offset` rows of groups away.
    pub fn two_groups(&mut self, x: u16, group: u16, offset: i16, mask: u16) -> &mut Self {
        let backwards = u16::from(offset < 0) << 11;
        self.push(0x1, x).push(0x4, backwards | offset.unsigned_abs() << 6 | group);
        self.push(0x3, mask).push(0x2, mask)
    }

    /// An event of a DAVIS346.
    pub fn event(&mut self, column: u16, row: u16, on: bool) -> &mut Self {
        self.push(0x1, row).push(if on { 0x3 } else { 0x2 }, column)
    }

    /// A frame of a DAVIS346, as its chip reads it: column by column. Values are at most 240.
    pub fn frame(
        &mut self,
        exposure_us: (i64, i64),
        value: impl Fn(usize, usize) -> u16,
    ) -> &mut Self {
        const RESET_LEVEL: u16 = 1_000;
        self.push(0x0, 8).time(exposure_us.0).push(0x0, 14);
        self.columns(11, |_, _| RESET_LEVEL);
        self.time(exposure_us.1).push(0x0, 15);
        self.columns(12, |column, row| RESET_LEVEL - 4 * value(column, row));
        self.push(0x0, 10)
    }

    /// A frame whose end of exposure was lost.
    pub fn frame_without_end(&mut self, start_us: i64) -> &mut Self {
        self.push(0x0, 8).time(start_us).push(0x0, 14).push(0x0, 10)
    }

    fn columns(&mut self, begin: u16, value: impl Fn(usize, usize) -> u16) {
        for column in 0..346 {
            self.push(0x0, begin);
            for row in 0..260 {
                self.push(0x4, value(column, row));
            }
            self.push(0x0, 13);
        }
    }

    pub fn take(&mut self) -> Vec<u8> {
        bytes(std::mem::take(&mut self.words))
    }
}
