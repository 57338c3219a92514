//! Clocks as types: a timestamp of one camera's clock cannot be used as one of another's.
//!
//! A rig has three clocks, and each drifts against the others. Only a [`ClockMap`] converts
//! between them.

pub mod range;
mod units;

pub use range::{RangeUs, TimeRange};
pub use units::{EventTimes, TimeUnit};

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Instant;

/// A clock that timestamps can refer to.
pub trait Clock: Copy + Send + Sync + 'static {
    /// Display name.
    const NAME: &'static str;
}

/// The event camera's clock, to which all exposures are finally mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClock {}
/// The frame camera's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameClock {}
/// This computer's monotonic clock, counted from its first use in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostClock {}

impl Clock for EventClock {
    const NAME: &'static str = "event camera";
}
impl Clock for FrameClock {
    const NAME: &'static str = "frame camera";
}
impl Clock for HostClock {
    const NAME: &'static str = "host";
}

/// A timestamp in microseconds on clock `C`.
pub struct Timestamp<C> {
    us: i64,
    clock: PhantomData<C>,
}

impl<C> Timestamp<C> {
    /// The timestamp `us` microseconds after the clock's zero.
    pub const fn from_us(us: i64) -> Self {
        Self { us, clock: PhantomData }
    }

    /// Microseconds since the clock's zero.
    pub const fn us(self) -> i64 {
        self.us
    }

    /// The timestamp `us` microseconds later, or earlier if negative; saturates.
    pub const fn plus_us(self, us: i64) -> Self {
        Self::from_us(self.us.saturating_add(us))
    }

    /// Microseconds from `earlier` to this timestamp; saturates.
    pub const fn since_us(self, earlier: Self) -> i64 {
        self.us.saturating_sub(earlier.us)
    }
}

impl Timestamp<HostClock> {
    /// The current time.
    pub fn now() -> Self {
        static ZERO: OnceLock<Instant> = OnceLock::new();
        let elapsed = ZERO.get_or_init(Instant::now).elapsed();
        Self::from_us(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }
}

// Implemented by hand: derived impls would require the same traits of `C`, which is never a value.
impl<C> Clone for Timestamp<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C> Copy for Timestamp<C> {}
impl<C> PartialEq for Timestamp<C> {
    fn eq(&self, other: &Self) -> bool {
        self.us == other.us
    }
}
impl<C> Eq for Timestamp<C> {}
impl<C> PartialOrd for Timestamp<C> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<C> Ord for Timestamp<C> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.us.cmp(&other.us)
    }
}
impl<C> Hash for Timestamp<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.us.hash(state);
    }
}
impl<C: Clock> fmt::Debug for Timestamp<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} us ({})", self.us, C::NAME)
    }
}

/// A linear map from clock `A` to clock `B`: an offset and a drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockMap<A, B> {
    from_us: f64,
    to_us: f64,
    rate: f64,
    clocks: PhantomData<(A, B)>,
}

impl<A: Clock, B: Clock> ClockMap<A, B> {
    /// The map from `from_us` to `to_us` that runs `drift_ppm` parts per million fast.
    ///
    /// Returns `None` if a number is not finite or the drift makes time run backwards.
    pub fn new(from_us: f64, to_us: f64, drift_ppm: f64) -> Option<Self> {
        let rate = 1.0 + drift_ppm * 1e-6;
        let valid = from_us.is_finite() && to_us.is_finite() && rate.is_finite() && rate > 0.0;
        valid.then_some(Self { from_us, to_us, rate, clocks: PhantomData })
    }

    /// The identity map.
    pub const fn identity() -> Self {
        Self { from_us: 0.0, to_us: 0.0, rate: 1.0, clocks: PhantomData }
    }

    /// Maps a time in microseconds on `A` to `B`, keeping fractions.
    pub fn map_us(&self, us: f64) -> f64 {
        self.to_us + (us - self.from_us) * self.rate
    }

    /// Maps a timestamp to `B`, rounded to whole microseconds.
    pub fn map(&self, t: Timestamp<A>) -> Timestamp<B> {
        Timestamp::from_us(self.map_us(t.us() as f64).round() as i64)
    }

    /// The inverse map.
    pub fn inverse(&self) -> ClockMap<B, A> {
        let (from_us, to_us) = (self.to_us, self.from_us);
        ClockMap { from_us, to_us, rate: 1.0 / self.rate, clocks: PhantomData }
    }

    /// The composition of this map and `next`.
    pub fn then<D: Clock>(&self, next: &ClockMap<B, D>) -> ClockMap<A, D> {
        ClockMap {
            from_us: self.from_us,
            to_us: next.map_us(self.to_us),
            rate: self.rate * next.rate,
            clocks: PhantomData,
        }
    }

    /// The same drift, with `us` added to every result.
    pub fn shifted(&self, us: f64) -> Self {
        Self { to_us: self.to_us + us, ..*self }
    }

    /// Drift of `B` relative to `A`, in parts per million.
    pub fn drift_ppm(&self) -> f64 {
        (self.rate - 1.0) * 1e6
    }

    /// Time on `B` when `A` is zero, in microseconds.
    pub fn offset_us(&self) -> f64 {
        self.map_us(0.0)
    }
}

/// Unwraps a counter of limited width.
///
/// Each reading is assumed to lie within half a period of the previous one, so slightly late
/// readings are placed correctly too.
#[derive(Clone, Copy, Debug)]
pub struct CounterUnwrap {
    period: i64,
    last: Option<i64>,
}

impl CounterUnwrap {
    /// For a counter of `bits` bits, 1 to 62.
    pub fn new(bits: u32) -> Self {
        Self { period: 1 << bits.clamp(1, 62), last: None }
    }

    /// The reading, with the wraps so far added.
    pub fn unwrap(&mut self, reading: u64) -> i64 {
        let reading = (reading % self.period.unsigned_abs()) as i64;
        let value = match self.last {
            None => reading,
            Some(last) => {
                let ahead = (reading - last).rem_euclid(self.period);
                let step = if ahead > self.period / 2 { ahead - self.period } else { ahead };
                last.saturating_add(step)
            }
        };
        self.last = Some(value);
        value
    }
}
