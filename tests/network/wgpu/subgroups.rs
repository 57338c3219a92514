//! Shaders whose subgroups read weights together, against those without.

use super::*;

/// The device, if its shaders have operations on subgroups, and their largest size.
fn with_subgroups() -> Option<(AdapterInfo, u32)> {
    let device = device()?;
    if device.subgroups.is_none() {
        println!("skipped: the shaders of {} have no subgroups", device.name);
    }
    device.subgroups.map(|threads| (device, threads))
}

/// The same device, as if its largest subgroup had so many threads.
fn pretended(device: &AdapterInfo, subgroups: Option<u32>) -> AdapterInfo {
    let mut other = device.clone();
    (other.subgroups, other.matrices) = (subgroups, None);
    other
}

#[test]
fn subgroups_give_the_same_numbers_as_shaders_without() {
    let Some((device, threads)) = with_subgroups() else { return };
    let scene = Scene::new(Size::new(80, 48), Size::new(25, 17), Size::new(29, 19));
    for precision in precisions(&device) {
        let weights = weights_for(EventInput::Prior, 3);
        let [want, got] = [None, Some(threads)].map(|subgroups| {
            let device = pretended(&device, subgroups);
            let mut engine = WgpuEngine::with_precision(&weights, &device, precision).unwrap();
            assert_eq!(engine.subgroups(), subgroups, "refused by the check of itself");
            scene.restore(&mut engine, &targets())
        });
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            check(&format!("target {i}"), precision, got, want);
            // The sums are the same. A compiler for a card may contract them otherwise.
            if device.kind == DeviceKind::Software {
                assert!(got.latent == want.latent && got.ratio == want.ratio, "other numbers");
            }
        }
    }
}

#[test]
fn a_wrong_size_of_subgroups_is_noticed_and_they_are_not_used() {
    let Some((device, threads)) = with_subgroups() else { return };
    // Then several weights are read where a subgroup takes one.
    let wrong = pretended(&device, Some(4));
    if threads <= 4 {
        println!("skipped: the subgroups of {} are not larger", device.name);
        return;
    }
    let weights = weights(5);
    let mut engine = WgpuEngine::with_precision(&weights, &wrong, Precision::Single).unwrap();
    assert_eq!(engine.subgroups(), None);
    let scene = Scene::new(Size::new(48, 32), Size::new(24, 16), Size::new(24, 16));
    let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), &targets());
    let got = scene.restore(&mut engine, &targets());
    for (got, want) in got.iter().zip(&want) {
        check("without", Precision::Single, got, want);
    }
}
