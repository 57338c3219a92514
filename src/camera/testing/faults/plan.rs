//! Which faults are injected, and how often.

use std::time::Duration;

/// Which faults are injected, and how often. A mean of zero disables a fault.
#[derive(Clone, Copy, Debug)]
pub struct FaultPlan {
    /// Random seed.
    pub seed: u64,
    /// The device reports its end after this time.
    pub length: Duration,
    /// Mean time until it is unplugged, and the longest time until it is back.
    pub unplug: (Duration, Duration),
    /// Mean time until the library hangs, and the longest duration of a hang.
    pub stall: (Duration, Duration),
    /// Mean time until a flood of events, and its longest duration.
    pub flood: (Duration, Duration),
    /// Event rate of a flood, in events per second.
    pub flood_hz: f64,
    /// Mean time until a clock jumps.
    pub jump: Duration,
    /// Packets per thousand that are lost, duplicated and delayed.
    pub lost: [u32; 3],
    /// Longest delay of a packet.
    pub late: Duration,
}

impl FaultPlan {
    /// A fault of each kind every 6 to 20 seconds on average, far more often than in use.
    pub fn rough(seed: u64, length: Duration) -> Self {
        let s = Duration::from_secs;
        let ms = Duration::from_millis;
        Self {
            seed,
            length,
            unplug: (s(20), ms(3_000)),
            // Some exceed the two seconds after which a library is abandoned.
            stall: (s(15), ms(4_000)),
            flood: (s(20), ms(1_500)),
            // The maximum event rate of a DAVIS346.
            flood_hz: 12e6,
            jump: s(6),
            lost: [5, 5, 10],
            late: ms(100),
        }
    }
}
