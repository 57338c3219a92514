//! Wrong input, lost devices and limits.

use super::*;

#[test]
fn bad_input_is_refused_as_by_the_cpu_engine() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let scene = Scene::new(Size::new(16, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    let refused = |result: Result<Vec<Restored>, EngineError>| {
        assert!(
            matches!(result, Err(EngineError::Shape(_) | EngineError::Events(_))),
            "{result:?}"
        );
    };
    let good = scene.events(&targets);
    let odd = Image { data: &scene.blur[..3 * 15 * 16], height: 15, width: 16 };
    refused(engine.restore_events(&odd, &good));
    let small = Events { padded: Size::new(8, 16), sensor: Size::new(8, 8), ..good };
    refused(engine.restore_events(&image(&scene), &small));
    let outside = Events { sensor: Size::new(4, 4), ..good };
    refused(engine.restore_events(&image(&scene), &outside));
    let empty = Events { exposure: TimeRange::new(5.0, 5.0), ..good };
    refused(engine.restore_events(&image(&scene), &empty));
    let reversed = [TimeRange::new(9.0, 5.0)];
    refused(engine.restore_events(&image(&scene), &Events { targets: &reversed, ..good }));
    // None of it harms what follows.
    assert_eq!(scene.restore(&mut engine, &targets).len(), 3);
}

/// An engine that is replaced by the CPU engine, and the lines that were reported.
fn with_failover(engine: WgpuEngine, weights: &Weights) -> (Failover, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    let notice = Box::new(move |line: &str| to.lock().unwrap().push(line.to_owned()));
    let weights = weights.clone();
    let fallback = Box::new(move || CpuEngine::new(&weights, 0).map(|e| Box::new(e) as _));
    (Failover::new(Box::new(engine), fallback, notice), lines)
}

#[test]
fn a_lost_device_is_reported_once_and_the_cpu_takes_over() {
    let Some(device) = device() else { return };
    let weights = weights(3);
    let scene = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    let want = scene.restore(&mut CpuEngine::new(&weights, 0).unwrap(), &targets);
    // Before anything was computed, and afterwards.
    for used in [false, true] {
        let mut engine = WgpuEngine::new(&weights, &device).unwrap();
        if used {
            scene.restore(&mut engine, &targets);
        }
        engine.device_loss()();
        let (mut engine, lines) = with_failover(engine, &weights);
        for _ in 0..2 {
            let got = scene.restore(&mut engine, &targets);
            assert!(got.iter().zip(&want).all(|(g, w)| g.latent == w.latent));
            assert_eq!(got.len(), 3);
        }
        let lines = lines.lock().unwrap();
        println!("{lines:?}");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("wgpu device 0, "), "{}", lines[0]);
        assert!(lines[0].contains("lost") && !lines[0].contains('\n'), "{}", lines[0]);
    }
}

#[test]
fn a_device_that_is_lost_with_exposures_in_flight_is_an_error() {
    let Some(device) = device() else { return };
    let mut engine = WgpuEngine::new(&weights(3), &device).unwrap();
    let scene = Scene::new(Size::new(32, 16), Size::new(16, 16), Size::new(16, 16));
    let targets = targets();
    for _ in 0..2 {
        assert!(submit(engine.queue().unwrap(), &scene, &targets, OutputFormat::F32));
    }
    engine.device_loss()();
    let queue = engine.queue().unwrap();
    // Results that were complete may still arrive.
    let failed = (0..2).any(|_| matches!(queue.collect(&mut |_| {}), Err(EngineError::Device(_))));
    assert!(failed, "the loss was not noticed");
    assert!(queue.can_collect() && queue.free_slots() == 2);
    let again = queue.submit(&image(&scene), &scene.events(&targets), OutputFormat::F32);
    assert!(matches!(again, Err(EngineError::Device(_))), "{again:?}");
}

/// In the CPU engine's place: counts the targets that it is asked for.
struct Counting(Arc<Mutex<usize>>);

impl Engine for Counting {
    fn event_input(&self) -> EventInput {
        EventInput::Counts
    }

    fn restore(
        &mut self,
        _: &Image<'_>,
        _: &[EventTensor<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        Ok(Vec::new())
    }

    fn restore_events(
        &mut self,
        _: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        *self.0.lock().unwrap() += events.targets.len();
        Ok(Vec::new())
    }
}

#[test]
fn a_size_beyond_the_device_s_limits_is_reported_once_with_both_numbers_and_the_cpu_takes_over() {
    let Some(device) = device() else { return };
    let side = ((device.binding_bytes / 64) as f64).sqrt() as usize / 16 * 16 + 16;
    if side > 2048 {
        println!("skipped: {} reads buffers of {} bytes", device.name, device.binding_bytes);
        return;
    }
    let weights = weights(3);
    let engine = WgpuEngine::with_precision(&weights, &device, Precision::Single).unwrap();
    let (lines, counted) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (to, count) = (Arc::clone(&lines), Arc::clone(&counted));
    let notice = Box::new(move |line: &str| to.lock().unwrap().push(line.to_owned()));
    let fallback = Box::new(move || Ok::<Box<dyn Engine>, EngineError>(Box::new(Counting(count))));
    let mut engine = Failover::new(Box::new(engine), fallback, notice);
    let size = Size::new(side, side);
    let blur = vec![0.5; 3 * size.area()];
    let scene =
        Scene { blur, ..Scene::new(Size::new(16, 16), Size::new(16, 16), Size::new(16, 16)) };
    let large = Image { data: &scene.blur, height: side, width: side };
    let targets = targets();
    for round in 1..=2 {
        engine.restore_events(&large, &scene.events(&targets)).unwrap();
        assert_eq!(*counted.lock().unwrap(), round * targets.len());
    }
    let lines = lines.lock().unwrap();
    println!("{lines:?}");
    let most = format!("its shaders read at most {} MiB", device.binding_bytes >> 20);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&most) && !lines[0].contains('\n'), "{}", lines[0]);
    assert!(lines[0].ends_with("continuing on the CPU"), "{}", lines[0]);
}

#[test]
fn a_software_device_is_used_only_when_asked_for() {
    let Some(device) = device() else { return };
    let weights = weights(3);
    let choose = |choice| select(&weights, choice, None, 1, Box::new(|_: &str| {})).unwrap().reason;
    assert!(choose(Choice::Wgpu).starts_with("wgpu device 0, "));
    let reason = choose(Choice::Auto);
    if device.kind == DeviceKind::Software && !reason.starts_with("CUDA") {
        assert!(reason.starts_with("the CPU"), "{reason}");
        assert!(reason.contains("graphics device") || reason.contains("software"), "{reason}");
    }
    let missing = select(&weights, Choice::Wgpu, Some(99), 1, Box::new(|_: &str| {}));
    let why = missing.err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(why, "there is no wgpu device 99");
}
