//! Cost of the noise filters per event: `cargo bench --no-default-features --bench filters`.

#![allow(missing_docs, reason = "criterion's macros create undocumented items")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gem_live::event::Event;
use gem_live::event::filter::{
    Activity, ActivitySettings, HotPixels, HotSettings, Refractory, RefractorySettings,
};
use gem_live::image::Size;

const SENSOR: Size = Size::new(346, 260);

/// Ten milliseconds at 12 Mev/s, spread over the sensor: the highest rate of a DAVIS346.
fn flood() -> Vec<Event> {
    let mut state = 1_u64;
    (0..120_000)
        .map(|i| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (x, y) = ((state >> 33) % 346, (state >> 48) % 260);
            Event { t_us: i / 12, x: x as u16, y: y as u16, polarity: state >> 63 == 1 }
        })
        .collect()
}

fn filters(c: &mut Criterion) {
    let events = flood();
    let mut group = c.benchmark_group("filter 120000 events, 346x260");
    group.throughput(Throughput::Elements(events.len() as u64));
    let mut measure = |name: &str, apply: &mut dyn FnMut(&mut Vec<Event>)| {
        group.bench_function(name, |b| {
            b.iter_batched_ref(|| events.clone(), &mut *apply, BatchSize::LargeInput);
        });
    };
    // A new epoch each time, because the same timestamps are repeated.
    let (mut epoch, mut filter) = (0, HotPixels::default());
    measure("hot pixels", &mut |packet| {
        epoch += 1;
        filter.apply(HotSettings::default(), SENSOR, epoch, packet);
    });
    let mut filter = Refractory::default();
    measure("refractory time", &mut |packet| {
        epoch += 1;
        filter.apply(RefractorySettings::default(), SENSOR, epoch, packet);
    });
    let mut filter = Activity::default();
    measure("background activity", &mut |packet| {
        epoch += 1;
        filter.apply(ActivitySettings::default(), SENSOR, epoch, packet);
    });
}

criterion_group!(benches, filters);
criterion_main!(benches);
