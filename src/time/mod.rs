//! Clocks as types: a moment on one camera's clock cannot be taken for a moment on another's.
//!
//! Three clocks run in a rig, and each drifts against the others. The only way from one to
//! the next is a [`ClockMap`].

pub mod range;

pub use range::TimeRange;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Instant;

/// A clock that moments can be told on.
pub trait Clock: Copy + Send + Sync + 'static {
    /// Its name for people.
    const NAME: &'static str;
}

/// The event camera's clock, which exposures are finally told on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClock {}
/// The frame camera's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameClock {}
/// This computer's monotonic clock, counted from the first time that it was asked.
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

/// A moment in microseconds on clock `C`.
pub struct Timestamp<C> {
    us: i64,
    clock: PhantomData<C>,
}

impl<C> Timestamp<C> {
    /// The moment `us` microseconds after the clock's zero.
    pub const fn from_us(us: i64) -> Self {
        Self { us, clock: PhantomData }
    }

    /// Microseconds since the clock's zero.
    pub const fn us(self) -> i64 {
        self.us
    }

    /// The moment `us` microseconds later, earlier where negative; stops at the ends.
    pub const fn plus_us(self, us: i64) -> Self {
        Self::from_us(self.us.saturating_add(us))
    }

    /// Microseconds from `earlier` to this moment.
    pub const fn since_us(self, earlier: Self) -> i64 {
        self.us.saturating_sub(earlier.us)
    }
}

impl Timestamp<HostClock> {
    /// The present moment.
    pub fn now() -> Self {
        static ZERO: OnceLock<Instant> = OnceLock::new();
        let elapsed = ZERO.get_or_init(Instant::now).elapsed();
        Self::from_us(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }
}

// By hand: the derived ones would ask the same of the clock, which is never a value.
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

/// The straight line from clock `A` to clock `B`: an offset and a drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockMap<A, B> {
    from_us: f64,
    to_us: f64,
    rate: f64,
    clocks: PhantomData<(A, B)>,
}

impl<A: Clock, B: Clock> ClockMap<A, B> {
    /// The map that takes `from_us` to `to_us` and runs `drift_ppm` millionths fast.
    ///
    /// `None` where a number is not finite or the drift turns time round.
    pub fn new(from_us: f64, to_us: f64, drift_ppm: f64) -> Option<Self> {
        let rate = 1.0 + drift_ppm * 1e-6;
        let sound = from_us.is_finite() && to_us.is_finite() && rate.is_finite() && rate > 0.0;
        sound.then_some(Self { from_us, to_us, rate, clocks: PhantomData })
    }

    /// The map between clocks that agree.
    pub const fn identity() -> Self {
        Self { from_us: 0.0, to_us: 0.0, rate: 1.0, clocks: PhantomData }
    }

    /// Where `us` on `A` lies on `B`, with fractions of a microsecond.
    pub fn map_us(&self, us: f64) -> f64 {
        self.to_us + (us - self.from_us) * self.rate
    }

    /// The moment on `B`, rounded to whole microseconds.
    pub fn map(&self, t: Timestamp<A>) -> Timestamp<B> {
        Timestamp::from_us(self.map_us(t.us() as f64).round() as i64)
    }

    /// The map back.
    pub fn inverse(&self) -> ClockMap<B, A> {
        let (from_us, to_us) = (self.to_us, self.from_us);
        ClockMap { from_us, to_us, rate: 1.0 / self.rate, clocks: PhantomData }
    }

    /// This map and then `next`.
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

    /// How fast `B` runs against `A`, in millionths.
    pub fn drift_ppm(&self) -> f64 {
        (self.rate - 1.0) * 1e6
    }

    /// What `B` shows when `A` shows zero, in microseconds.
    pub fn offset_us(&self) -> f64 {
        self.map_us(0.0)
    }
}

/// Makes a counter of few bits into one that never wraps.
///
/// Every reading is taken to lie within half a turn of the one before it, so readings that
/// come slightly late are placed correctly too.
#[derive(Clone, Copy, Debug)]
pub struct Unwrap {
    period: i64,
    last: Option<i64>,
}

impl Unwrap {
    /// For a counter of `bits` bits, 1 to 62.
    pub fn new(bits: u32) -> Self {
        Self { period: 1 << bits.clamp(1, 62), last: None }
    }

    /// The reading with the turns that the counter has made put back.
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
