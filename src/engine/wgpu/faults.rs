//! What went wrong on a device.

use crate::panics::Locked;
use std::sync::{Arc, Mutex};
use wgpu::{Device, Error};

/// The first fault of a device, and why it was lost. wgpu reports most of them through callbacks.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Mutex<Option<String>>,
    lost: Mutex<Option<String>>,
}

/// Keeps the first message, in one line: wgpu's have several.
fn keep(place: &Mutex<Option<String>>, why: &str) {
    let lines: Vec<&str> = why.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let mut first = place.locked();
    first.get_or_insert_with(|| lines.join(" "));
}

fn read(place: &Mutex<Option<String>>) -> Option<String> {
    place.locked().clone()
}

impl Faults {
    pub(super) fn report(&self, why: &str) {
        keep(&self.first, why);
    }

    /// Forgets what was reported, unless the device was lost.
    pub(super) fn clear(&self) {
        if read(&self.lost).is_none() {
            *self.first.locked() = None;
        }
    }

    /// The first fault.
    pub(super) fn first(&self) -> Option<String> {
        read(&self.first)
    }

    /// Why the device was lost, if it was.
    pub(super) fn lost(&self) -> Option<String> {
        read(&self.lost)
    }
}

/// Reports the device's errors and its loss. A device has one callback for each, so this replaces
/// what was set before. `each` does what it is given with all faults that are to know.
pub(super) fn watch(device: &Device, each: impl Fn(&dyn Fn(&Faults)) + Send + Sync + 'static) {
    let each = Arc::new(each);
    let all = Arc::clone(&each);
    device.on_uncaptured_error(Arc::new(move |error: Error| match error {
        Error::OutOfMemory { .. } => {
            all(&|faults: &Faults| faults.report("it has too little memory"))
        }
        error => {
            // Only the first is reported. On a shared device it may be its owner's.
            tracing::debug!("{error}");
            all(&|faults: &Faults| faults.report(&error.to_string()));
        }
    }));
    device.set_device_lost_callback(move |_, why| {
        let why = match why.trim() {
            "" => "the device was lost".to_owned(),
            why => format!("the device was lost: {why}"),
        };
        each(&|faults: &Faults| keep(&faults.lost, &why));
    });
}
