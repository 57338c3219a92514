//! Polarities of a recording's events, by the conventions that programs have.

use super::pair_error::{PairError, field};

/// The name of the column in messages.
const COLUMN: &str = "events[\"p\"]";
/// A -1 that was stored in an unsigned integer of 8, 16, 32 or 64 bits.
const WRAPPED: [f64; 4] = [u8::MAX as f64, u16::MAX as f64, u32::MAX as f64, u64::MAX as f64];

/// The values of the polarities so far: 1 is ON; 0, -1 and a wrapped -1, such as 255, are OFF.
#[derive(Default)]
pub(super) struct Polarities {
    ones: u64,
    wrapped: u64,
    /// The last wrapped value.
    value: f64,
}

impl Polarities {
    /// Whether the next event is ON.
    pub(super) fn take(&mut self, value: f64) -> Result<bool, PairError> {
        match value {
            1.0 => {
                self.ones = self.ones.saturating_add(1);
                Ok(true)
            }
            0.0 | -1.0 => Ok(false),
            other if WRAPPED.contains(&other) => {
                self.wrapped = self.wrapped.saturating_add(1);
                self.value = other;
                Ok(false)
            }
            other => {
                let what = format!("polarity {other}; expected 1 and 0, or 1 and -1");
                Err(field(COLUMN, what))
            }
        }
    }

    /// The number of wrapped values. Without a single 1, such a value may as well mean ON.
    pub(super) fn finish(self) -> Result<u64, PairError> {
        if self.wrapped > 0 && self.ones == 0 {
            let what = format!(
                "polarity {} without a 1: it is not clear whether that is ON or OFF: save 1 and 0",
                self.value
            );
            return Err(field(COLUMN, what));
        }
        Ok(self.wrapped)
    }
}
