//! Counters of everything that was lost, by cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropCause {
    /// Between the camera and this computer.
    Usb,
    /// The camera said so itself, or its clock was set anew or went back.
    Device,
    /// A packet that makes no sense.
    Malformed,
    /// The driver's channel was full, or not empty when the rig was told to end.
    Queue,
    /// The synchronisation buffer was full.
    Buffer,
    /// It came after its exposure had been passed on.
    Late,
    /// It came twice.
    Duplicate,
    /// No time on the event camera's clock could be told for it.
    Clock,
    /// The pipeline fell behind and took a newer exposure; this one was recorded all the same.
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

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropUnit {
    /// Frames, or exposures made of them.
    Frames,
    /// Events.
    Events,
    /// Stretches of time whose events are unknown in number.
    Gaps,
}

const UNITS: [DropUnit; 3] = [DropUnit::Frames, DropUnit::Events, DropUnit::Gaps];
const CELLS: usize = DropCause::ALL.len() * UNITS.len();

/// Counters that every thread of the path shares; clones count into the same ones.
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
    /// Counts `n` more losses.
    pub fn add(&self, cause: DropCause, unit: DropUnit, n: u64) {
        if let Some(cell) = self.cells.get(cell(cause, unit)) {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Losses so far of one kind.
    pub fn get(&self, cause: DropCause, unit: DropUnit) -> u64 {
        self.cells.get(cell(cause, unit)).map_or(0, |c| c.load(Ordering::Relaxed))
    }

    /// Losses so far of one unit, whatever the cause.
    pub fn total(&self, unit: DropUnit) -> u64 {
        DropCause::ALL.iter().map(|c| self.get(*c, unit)).sum()
    }

    /// Every counter that is not zero.
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

/// One counter's reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DropSnapshot {
    /// Why it was lost.
    pub cause: DropCause,
    /// What was lost.
    pub unit: DropUnit,
    /// How many.
    pub count: u64,
}
