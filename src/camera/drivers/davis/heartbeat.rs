//! Missing packets, from the samples of the inertial sensor.

/// The steady sample rate of the inertial sensor, whose interruption reveals missing containers.
#[derive(Debug, Default)]
pub(super) struct ImuHeartbeat {
    last_us: Option<i64>,
    pub(super) period_us: Option<i64>,
}

/// Smallest plausible sample period, in microseconds.
const MIN_PERIOD_US: i64 = 100;

impl ImuHeartbeat {
    /// Updates the state with the first and last sample time of a container, in microseconds.
    /// Returns the last sample time before a gap if the gap is too long for the sensor.
    pub(super) fn gap(&mut self, first_us: i64, last_us: i64, samples: usize) -> Option<i64> {
        let previous_us = self.last_us.replace(last_us);
        let known = self.period_us;
        if let Some(steps) = i64::try_from(samples).ok().filter(|n| *n > 1) {
            let period = ((last_us - first_us) / (steps - 1)).max(MIN_PERIOD_US);
            self.period_us = Some(period);
        }
        // Use the longer period of two containers: a truncated container is unreliable.
        let (previous_us, period) = (previous_us?, self.period_us?.max(known.unwrap_or(0)));
        let step = first_us - previous_us;
        // One or two samples may be late; a container holds at least two.
        (step * 2 > period * 5).then_some(previous_us)
    }
}
