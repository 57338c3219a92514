//! Duration of the steps of a restoration: `cargo bench --no-default-features`.

#![allow(missing_docs, reason = "criterion's macros create undocumented items")]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a bench may fail by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gem_live::Deblurrer;
use gem_live::deblur::edi;
use gem_live::deblur::metrics::ssim;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::{Engine, Events, Image, SparseEngine};
use gem_live::event::{CHANNELS, Event, EventInput, Thresholds, eger_into};
use gem_live::image::Size;
use gem_live::network::{Tensor, Weights};
use gem_live::sequence::Clip;
use gem_live::time::TimeRange;

/// As many events as the busiest exposure of MS-RBD, on its sensor.
fn busiest() -> Vec<Event> {
    let mut state = 1_u64;
    (0..226_000)
        .map(|i| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (x, y) = ((state >> 33) % 288, (state >> 48) % 192);
            Event { t_us: i / 4, x: x as u16, y: y as u16, polarity: state >> 63 == 1 }
        })
        .collect()
}

fn events(c: &mut Criterion) {
    let events = busiest();
    let mut out = vec![0.0; CHANNELS * 288 * 192];
    let mut group = c.benchmark_group("eger");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("226000 events, 288x192", |b| {
        let (exposure, target) = (TimeRange::new(0.0, 56_500.0), TimeRange::instant(20_000.0));
        b.iter(|| eger_into(&events, exposure, target, 192, 288, &mut out).unwrap());
    });
}

fn restore(c: &mut Criterion) {
    let clip = Clip::embedded().unwrap().reduced(2);
    let exposure = &clip.exposures[7];
    let mut group = c.benchmark_group("288x192, events 144x96");
    group.sample_size(10);
    for instants in [1, 2] {
        let at: Vec<f64> = (0..instants).map(|i| f64::from(i) / 2.0).collect();
        let engine = CpuEngine::new(&Weights::embedded().unwrap(), 0).unwrap();
        let mut deblurrer = Deblurrer::new(Box::new(engine));
        group.bench_function(format!("network, {instants} instant(s)"), |b| {
            b.iter(|| deblurrer.restore(exposure, &at).unwrap());
        });
    }
    let target = [TimeRange::instant(exposure.span.at(0.5))];
    group.bench_function("EDI", |b| {
        b.iter(|| edi(exposure, &target, Thresholds::both(0.25)).unwrap());
    });
    let picture = exposure.frame.to_u8();
    group.bench_function("SSIM", |b| {
        b.iter_batched(
            || picture.clone(),
            |other| ssim(&picture, &other).unwrap(),
            BatchSize::LargeInput,
        );
    });
}

/// The embedded weights without the event prior's channels: less arithmetic, and a worse picture.
/// Small changes are undone as with them, so that nothing else differs.
fn without_prior() -> Weights {
    let embedded = Weights::embedded().unwrap();
    let narrow = |(name, tensor): (&str, &Tensor)| {
        let mut tensor = tensor.clone();
        if name == "ev_enc.conv1.weight" {
            let outputs = tensor.data.chunks_exact(EventInput::Prior.channels() * 49);
            tensor.data = outputs.flat_map(|o| o[..CHANNELS * 49].iter().copied()).collect();
            tensor.shape[1] = CHANNELS;
        }
        (name.to_owned(), tensor)
    };
    let narrowed = Weights::from_tensors(embedded.iter().map(narrow).collect()).unwrap();
    narrowed.with_residual_noise(embedded.residual_noise()).unwrap()
}

/// What the event prior costs, at the ratio where it costs most and at the beam splitter's.
fn prior(c: &mut Criterion) {
    let events = busiest();
    let sensor = Size::new(288, 192);
    for (image, samples) in [(sensor, 30), (Size::new(1152, 768), 10)] {
        let mut group = c.benchmark_group(format!("event prior, {image}, events 288x192"));
        group.sample_size(samples);
        let data = vec![0.5; 3 * image.area()];
        let image = Image { data: &data, height: image.height, width: image.width };
        let input = Events {
            events: &events,
            exposure: TimeRange::new(0.0, 56_500.0),
            targets: &[TimeRange::instant(20_000.0)],
            sensor,
            padded: sensor,
            thresholds: Thresholds::DEFAULT,
        };
        for (name, weights) in
            [("without", without_prior()), ("with", Weights::embedded().unwrap())]
        {
            let mut engine = CpuEngine::new(&weights, 0).unwrap();
            group.bench_function(name, |b| {
                b.iter(|| engine.restore_events(&image, &input).unwrap());
            });
        }
    }
}

/// Restoring only what moved, where a tenth of the picture has all events.
fn sparse(c: &mut Criterion) {
    let (image, sensor) = (Size::new(1152, 768), Size::new(288, 192));
    // A square of 91x61 event pixels is a tenth of the sensor.
    let moving = |e: &Event| Event { x: 90 + e.x * 91 / 288, y: 60 + e.y * 61 / 192, ..*e };
    let events: Vec<Event> = busiest().iter().map(moving).collect();
    let data = vec![0.5; 3 * image.area()];
    let image = Image { data: &data, height: image.height, width: image.width };
    let input = Events {
        events: &events,
        exposure: TimeRange::new(0.0, 56_500.0),
        targets: &[TimeRange::instant(20_000.0)],
        sensor,
        padded: sensor,
        thresholds: Thresholds::DEFAULT,
    };
    let weights = Weights::embedded().unwrap();
    let mut group = c.benchmark_group("a tenth of 1152x768 moves");
    group.sample_size(10);
    let mut whole = CpuEngine::new(&weights, 0).unwrap();
    group.bench_function("whole", |b| b.iter(|| whole.restore_events(&image, &input).unwrap()));
    let mut parts = SparseEngine::new(Box::new(CpuEngine::new(&weights, 0).unwrap()));
    group.bench_function("sparse", |b| b.iter(|| parts.restore_events(&image, &input).unwrap()));
}

criterion_group!(benches, events, restore, prior, sparse);
criterion_main!(benches);
