//! Drop counters, per cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where and why data was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropCause {
    /// Between the camera and this computer.
    Usb,
    /// Reported by the camera itself, or its clock was reset or went backwards.
    Device,
    /// A malformed packet.
    Malformed,
    /// The driver's channel was full, or not empty when the rig was stopped.
    Queue,
    /// The synchronisation buffer was full.
    Buffer,
    /// It arrived after its exposure had been passed on.
    Late,
    /// It arrived twice.
    Duplicate,
    /// Its time could not be mapped to the event camera's clock.
    Clock,
    /// The pipeline fell behind and used a newer exposure. This one was still recorded.
    Skipped,
    /// The disk was too slow or full.
    Disk,
}

impl DropCause {
    /// All causes, in the order of the counters.
    pub const ALL: [Self; 10] = [
        Self::Usb,
        Self::Device,
        Self::Malformed,
        Self::Queue,
        Self::Buffer,
        Self::Late,
        Self::Duplicate,
        Self::Clock,
        Self::Skipped,
        Self::Disk,
    ];
}

/// The unit in which drops are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropUnit {
    /// Frames, or exposures made of them.
    Frames,
    /// Events.
    Events,
    /// Time ranges with an unknown number of lost events.
    Gaps,
}

const UNITS: [DropUnit; 3] = [DropUnit::Frames, DropUnit::Events, DropUnit::Gaps];
const CELLS: usize = DropCause::ALL.len() * UNITS.len();

/// Drop counters shared by all threads of the data path; clones share the same counters.
#[derive(Clone, Debug)]
pub struct Drops {
    cells: Arc<[AtomicU64; CELLS]>,
}

impl Default for Drops {
    fn default() -> Self {
        Self { cells: Arc::new([const { AtomicU64::new(0) }; CELLS]) }
    }
}

impl Drops {
    /// Adds `n` drops.
    pub fn add(&self, cause: DropCause, unit: DropUnit, n: u64) {
        if let Some(cell) = self.cells.get(cell(cause, unit)) {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Drops so far with this cause and unit.
    pub fn get(&self, cause: DropCause, unit: DropUnit) -> u64 {
        self.cells.get(cell(cause, unit)).map_or(0, |c| c.load(Ordering::Relaxed))
    }

    /// Drops so far of one unit, summed over all causes.
    pub fn total(&self, unit: DropUnit) -> u64 {
        DropCause::ALL.iter().map(|c| self.get(*c, unit)).sum()
    }

    /// All counters that are not zero.
    pub fn snapshot(&self) -> Vec<DropSnapshot> {
        let all = DropCause::ALL.iter().flat_map(|cause| UNITS.iter().map(|unit| (*cause, *unit)));
        all.map(|(cause, unit)| DropSnapshot { cause, unit, count: self.get(cause, unit) })
            .filter(|s| s.count > 0)
            .collect()
    }
}

fn cell(cause: DropCause, unit: DropUnit) -> usize {
    cause as usize * UNITS.len() + unit as usize
}

/// The value of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DropSnapshot {
    /// Why it was dropped.
    pub cause: DropCause,
    /// What was dropped.
    pub unit: DropUnit,
    /// Number of drops.
    pub count: u64,
}
