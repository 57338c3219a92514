//! Half a minute of the soak test; `scripts/soak` runs it for any duration.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::testing::faults::{FaultInjector, FaultPlan};
use gem_live::camera::{DeviceError, DeviceSelector, Driver, Drops};
use gem_live::image::Size;
use gem_live::simulate::rig::RigModel;
use gem_live::simulate::sim_camera::Sim;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_lost_exposure_is_counted_under_injected_faults() {
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["soak", "--minutes", "0.4", "--size", "64x48", "--seed", "3", "--json"])
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(!err.contains("panicked"), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let faults = |name: &str| report["faults"][name].as_u64().unwrap();
    // Faults of several kinds must have occurred, or the test shows nothing.
    assert!(faults("frames_made") > 50 && report["shown"].as_u64().unwrap() > 20, "{report:#}");
    let broken = ["unplugged", "stalled", "floods", "new_epochs", "jumps"].map(faults);
    assert!(broken.iter().filter(|n| **n > 0).count() >= 3, "{report:#}");
    assert_eq!(report["violations"].as_array().unwrap().len(), 0, "{report:#}");
}

#[test]
fn a_requested_end_is_reported_by_open_and_by_later_devices() {
    let sim = Arc::new(Sim::new(RigModel::new(Size::new(64, 48), 5), true));
    let rig = FaultInjector::new(sim, FaultPlan::rough(3, Duration::from_secs(3600)));
    let end = rig.end();
    let open = || rig.open(&DeviceSelector::default(), &Drops::default());
    let mut device = open().unwrap();
    device.poll(Duration::from_millis(1), &mut Vec::new()).unwrap();
    end.request();
    let ended = device.poll(Duration::from_millis(1), &mut Vec::new());
    assert!(matches!(ended, Err(DeviceError::Ended)), "{ended:?}");
    assert!(matches!(open(), Err(DeviceError::Ended)));
}
