//! Pictures that the wgpu engine leaves on a device that it shares with its owner, as the window
//! does: they are those that it copies to memory.

#![cfg(feature = "wgpu")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::scene::{EXPOSURE, Scene, weights, with_large_maps};
use gem_live::Deblurrer;
use gem_live::deblur::Pictures;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::wgpu::{AdapterInfo, Precision, WgpuEngine, adapters};
use gem_live::engine::{DevicePicture, Failover, SharedDevice};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageF32, ImageU8, Rounding, Size};
use std::sync::Arc;

/// A device that was opened as the window opens its own, and its adapter in the engine's list.
fn shared() -> Option<(SharedDevice, wgpu::Device, AdapterInfo)> {
    opened().map(|(_, shared, device, info)| (shared, device, info))
}

/// The same with the instance of wgpu that it belongs to.
fn opened() -> Option<(wgpu::Instance, SharedDevice, wgpu::Device, AdapterInfo)> {
    let found = adapters().ok()?.into_iter().find(|a| a.unusable.is_none());
    let Some(info) = found else {
        println!("skipped: no device can be used");
        return None;
    };
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::PRIMARY;
    let instance = wgpu::Instance::new(descriptor);
    let all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let same = |a: &wgpu::Adapter| info.name.starts_with(&a.get_info().name);
    let adapter = all.into_iter().find(same).unwrap();
    let request = SharedDevice::requirements(&adapter, wgpu::DeviceDescriptor::default());
    let (device, queue) = pollster::block_on(adapter.request_device(&request)).unwrap();
    Some((instance, SharedDevice::new(&adapter, &device, &queue), device, info))
}

/// An exposure of a frame that has to be padded.
fn exposure(seed: u64, gray: bool) -> Arc<Exposure> {
    let (frame, sensor) = (Size::new(43, 30), Size::new(20, 17));
    let scene = Scene::seeded(seed, frame, sensor, sensor);
    let (channels, samples) = if gray { (1, frame.area()) } else { (3, 3 * frame.area()) };
    let image = ImageF32::new(channels, frame, scene.blur[..samples].to_vec()).unwrap();
    Arc::new(Exposure {
        // Colours in eight bits, as cameras deliver them.
        frame: if gray { image.into() } else { image.rounded(Rounding::Nearest).into() },
        span: EXPOSURE,
        events: scene.events.into(),
        sensor,
    })
}

fn submit(deblurrer: &mut Deblurrer, exposure: &Arc<Exposure>, instants: &[f64], copy: bool) {
    deblurrer.submit_to_device(exposure.clone(), instants, Rounding::Nearest, copy).unwrap();
}

fn worst(a: &ImageU8, b: &ImageU8) -> u8 {
    assert_eq!((a.size(), a.channels()), (b.size(), b.channels()));
    a.data().iter().zip(b.data()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn a_picture_on_the_device_is_the_one_that_is_copied() {
    let Some((shared, _device, info)) = shared() else { return };
    let engine = WgpuEngine::on_shared(&weights(3), &info, &shared).unwrap();
    assert!(engine.name().ends_with("shared with the window"), "{}", engine.name());
    assert_eq!(engine.subgroups(), info.subgroups, "not requested, or refused by the check");
    // What the first one has tried holds for the second.
    let second = WgpuEngine::on_shared(&weights(3), &info, &shared).unwrap();
    assert_eq!(second.subgroups(), engine.subgroups());
    drop(second);
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    for gray in [false, true] {
        for (seed, copy) in [(1, true), (2, false)] {
            let exposure = exposure(seed, gray);
            submit(&mut deblurrer, &exposure, &[0.3], copy);
            let Pictures { in_memory, on_device } = deblurrer.collect_pictures().unwrap();
            assert_eq!(in_memory.len(), usize::from(copy), "a copy that was not requested");
            let on_device = on_device.unwrap().read().unwrap();
            // As another engine, and the same engine without a shared device, restore it.
            deblurrer.submit(exposure.clone(), &[0.3], Rounding::Nearest).unwrap();
            let copied = deblurrer.collect().unwrap().remove(0);
            // The mean of three colours may be rounded differently there.
            let allowed = u8::from(gray);
            assert!(worst(&on_device, &copied) <= allowed, "gray: {gray}");
            for picture in &in_memory {
                assert_eq!(worst(picture, &copied), 0);
            }
            let distinct: std::collections::BTreeSet<u8> = copied.data().iter().copied().collect();
            assert!(distinct.len() > 20, "a flat picture proves nothing");
        }
    }
    // Several instants are copied as always.
    submit(&mut deblurrer, &exposure(1, false), &[0.2, 0.8], false);
    let Pictures { in_memory, on_device } = deblurrer.collect_pictures().unwrap();
    assert_eq!((in_memory.len(), on_device.is_none()), (2, true));
    // Callers that need pictures in memory get them.
    submit(&mut deblurrer, &exposure(1, false), &[0.3], false);
    assert_eq!(deblurrer.collect().unwrap().len(), 1);
}

/// Weights that do not suit half precision do not change what engines with other weights use.
#[test]
fn weights_with_large_maps_do_not_switch_off_what_the_device_has() {
    let Some((shared, _device, info)) = shared() else { return };
    if !info.half {
        println!("skipped: the shaders of {} have no half precision", info.name);
        return;
    }
    for (weights, precision) in
        [(with_large_maps(3), Precision::Single), (weights(3), Precision::Half)]
    {
        let engine = WgpuEngine::on_shared(&weights, &info, &shared).unwrap();
        assert_eq!(engine.precision(), precision);
        assert_eq!(engine.subgroups(), info.subgroups, "{precision:?}");
    }
}

#[test]
fn textures_are_used_in_turn_and_never_while_somebody_has_them() {
    let Some((shared, _device, info)) = shared() else { return };
    let engine = WgpuEngine::on_shared(&weights(3), &info, &shared).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let exposures = [1, 2].map(|seed| exposure(seed, false));
    let mut held: Vec<DevicePicture> = Vec::new();
    let mut first = None;
    for round in 0..12 {
        // Two in flight.
        for exposure in &exposures {
            submit(&mut deblurrer, exposure, &[0.5], false);
        }
        for _ in 0..2 {
            let Pictures { in_memory, on_device } = deblurrer.collect_pictures().unwrap();
            match on_device {
                Some(picture) => held.push(picture),
                // All textures are in use: the picture is copied instead, and not lost.
                None => assert_eq!((in_memory.len(), held.len()), (1, 8), "round {round}"),
            }
        }
        if round == 0 {
            first = held.first().map(|p| p.read().unwrap());
        }
    }
    assert_eq!(held.len(), 8);
    assert_eq!(held[0].read().unwrap(), first.unwrap(), "a texture in use was overwritten");
    let textures: Vec<wgpu::Texture> = held.iter().map(|p| p.texture().clone()).collect();
    held.clear();
    for _ in 0..20 {
        submit(&mut deblurrer, &exposures[0], &[0.5], false);
        let picture = deblurrer.collect_pictures().unwrap().on_device.unwrap();
        assert!(textures.contains(picture.texture()), "a texture was allocated");
    }
}

/// Numbers of buffers, textures, views, bindings and pipelines that there are.
fn resources(instance: &wgpu::Instance) -> [usize; 5] {
    let hub = instance.generate_report().unwrap().hub;
    [hub.buffers, hub.textures, hub.texture_views, hub.bind_groups, hub.compute_pipelines]
        .map(|kind| kind.num_allocated)
}

#[test]
fn exposures_in_flight_hold_nothing_that_was_made_for_them() {
    let Some((instance, shared, _device, info)) = opened() else { return };
    let engine = WgpuEngine::on_shared(&weights(3), &info, &shared).unwrap();
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let exposures = [1, 2].map(|seed| exposure(seed, false));
    let mut seen = Vec::new();
    for round in 0..4 {
        for copy in [false, true] {
            for exposure in &exposures {
                submit(&mut deblurrer, exposure, &[0.5], copy);
                seen.push((round, resources(&instance)));
            }
            for _ in 0..2 {
                drop(deblurrer.collect_pictures().unwrap());
                seen.push((round, resources(&instance)));
            }
        }
    }
    // The first round makes the plan and the textures.
    let later: Vec<[usize; 5]> = seen.iter().filter(|s| s.0 > 0).map(|s| s.1).collect();
    assert!(later[0].iter().all(|count| *count > 0), "{later:?}");
    assert!(later.iter().all(|counts| *counts == later[0]), "{later:?}");
}

#[test]
fn an_engine_notices_errors_after_another_one_on_the_same_device_is_gone() {
    let Some((shared, device, info)) = shared() else { return };
    let engine = || WgpuEngine::on_shared(&weights(3), &info, &shared).unwrap();
    let (first, second) = (engine(), engine());
    drop(second);
    let mut deblurrer = Deblurrer::new(Box::new(first));
    deblurrer.submit(exposure(1, false), &[0.5], Rounding::Nearest).unwrap();
    assert_eq!(deblurrer.collect().unwrap().len(), 1);
    // No buffer may be without a use.
    drop(device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    }));
    let again = deblurrer.submit(exposure(1, false), &[0.5], Rounding::Nearest);
    assert!(again.is_err(), "the lost device was not reported");
}

#[test]
fn a_shared_device_that_is_lost_is_replaced_by_the_cpu() {
    let Some((shared, device, info)) = shared() else { return };
    let weights = weights(3);
    let engine = WgpuEngine::on_shared(&weights, &info, &shared).unwrap();
    let fallback = Box::new(move || CpuEngine::new(&weights, 0).map(|e| Box::new(e) as _));
    let engine = Failover::new(Box::new(engine), fallback, Box::new(|line| println!("{line}")));
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let exposure = exposure(1, false);
    submit(&mut deblurrer, &exposure, &[0.5], false);
    let kept = deblurrer.collect_pictures().unwrap().on_device.unwrap();
    submit(&mut deblurrer, &exposure, &[0.5], false);
    device.destroy();
    let ready = deblurrer.ready_channel();
    while !deblurrer.can_collect() {
        ready.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    }
    // What was complete may still arrive; what follows comes from the CPU.
    deblurrer.collect_pictures().unwrap();
    submit(&mut deblurrer, &exposure, &[0.5], false);
    let Pictures { in_memory, on_device } = deblurrer.collect_pictures().unwrap();
    assert_eq!((in_memory.len(), on_device.is_none()), (1, true));
    assert!(kept.read().is_err(), "a lost device has no pictures");
}
