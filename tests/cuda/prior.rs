//! Weights that read the event prior: the kernel against the definition, and the engine against
//! the processor's.

use crate::scene::{EXPOSURE, Scene, weights_for};
use crate::stand_in::on_stand_in;
use crate::{psnr, worst};
use cudarc::driver::{CudaContext, LaunchConfig, PushKernelArg};
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, Precision, devices};
use gem_live::engine::{Engine, EventTensor, Events, Image, OutputFormat, OutputRef, Restored};
use gem_live::event::{CHANNELS, EventInput, TargetBins, Thresholds, append_prior, count_scales};
use gem_live::image::Size;
use gem_live::time::TimeRange;
use std::io::Read;

#[test]
fn the_kernel_computes_what_the_definition_does() {
    on_stand_in("prior::case_kernel", &[]);
}

#[test]
fn half_precision_equals_the_processor() {
    on_stand_in("prior::case_half", &[("CUDA_STANDIN_ORDER", "2")]);
}

#[test]
#[ignore = "sweep; CI runs it"]
fn sweep_half_precision_on_turing_and_with_deferred_streams() {
    on_stand_in("prior::case_half", &[("CUDA_STANDIN_MAJOR", "7"), ("CUDA_STANDIN_MINOR", "5")]);
    // Deferred streams: a header that is written too early or read too late shows.
    for seed in ["1", "2"] {
        on_stand_in("prior::case_half", &[("CUDA_STANDIN_STREAMS", seed)]);
    }
}

#[test]
fn single_precision_equals_the_processor_closely() {
    on_stand_in("prior::case_single", &[("CUDA_STANDIN_ORDER", "1")]);
}

#[test]
fn the_plan_has_one_launch_more_and_its_work_is_counted() {
    on_stand_in("prior::case_plan", &[]);
}

/// Thresholds of one exposure after the other.
const THRESHOLDS: [Thresholds; 4] = [
    Thresholds { on: 0.23, off: 0.17 },
    Thresholds::both(0.35),
    Thresholds { on: 0.1, off: 0.3 },
    Thresholds::both(0.2),
];

/// Three targets take the two slots in turn; the last is an interval.
fn targets() -> [TimeRange; 3] {
    let at = |t| TimeRange::instant(EXPOSURE.at(t));
    [at(0.0), at(0.4), TimeRange::new(EXPOSURE.at(0.33), EXPOSURE.at(0.7))]
}

/// A sensor that is mirrored, at sizes that divide into no tile, with a hot pixel.
fn scene(seed: u64) -> Scene {
    let mut scene = Scene::seeded(seed, Size::new(48, 32), Size::new(21, 17), Size::new(29, 19));
    for event in &mut scene.events[..1500] {
        (event.x, event.y, event.polarity) = (5, 3, true);
    }
    scene
}

fn image(scene: &Scene) -> Image<'_> {
    Image { data: &scene.blur, height: scene.image.height, width: scene.image.width }
}

/// Compares exposures of different thresholds, two in flight, then targets from ready maps.
fn compare(precision: Precision, check: impl Fn(&str, &[f32], &[f32])) {
    let weights = weights_for(EventInput::Prior, 3);
    let card = devices().unwrap().remove(0);
    let mut cuda = CudaEngine::new(&weights, &card, precision).unwrap();
    let mut cpu = CpuEngine::new(&weights, 0).unwrap();
    assert_eq!(cuda.event_input(), EventInput::Prior);
    let (targets, scenes) = (targets(), [scene(7), scene(8), scene(7), scene(7)]);
    let jobs: Vec<(Image<'_>, Events<'_>)> = (scenes.iter().zip(THRESHOLDS))
        .map(|(scene, thresholds)| (image(scene), Events { thresholds, ..scene.events(&targets) }))
        .collect();
    let want: Vec<Vec<Restored>> =
        jobs.iter().map(|(blur, events)| cpu.restore_events(blur, events).unwrap()).collect();
    // What is compared depends on what it should: thresholds, and the target.
    for (a, b) in
        [(&want[0][1], &want[2][1]), (&want[0][0], &want[0][1]), (&want[0][1], &want[0][2])]
    {
        assert!(worst(&a.latent, &b.latent) > 1e-2, "the exposures or targets do not differ");
    }
    let queue = cuda.queue().unwrap();
    let mut next = 0;
    for want in &want {
        while queue.free_slots() > 0 && next < jobs.len() {
            assert!(queue.submit(&jobs[next].0, &jobs[next].1, OutputFormat::F32).unwrap());
            next += 1;
        }
        let mut left = want.iter();
        let mut compare = |one: OutputRef<'_>| {
            let (OutputRef::F32 { latent, ratio }, Some(want)) = (one, left.next()) else {
                panic!("another form, or one too many");
            };
            check("latent", latent, &want.latent);
            check("ratio", ratio, &want.ratio);
        };
        queue.collect(&mut compare).unwrap();
        assert_eq!(left.len(), 0, "some are missing");
    }
    let (blur, events) = &jobs[0];
    let Size { width, height } = events.padded;
    let maps = targets.map(|t| events.tensor(t, EventInput::Prior).unwrap());
    let event_tensors = maps.each_ref().map(|data| EventTensor { data, height, width });
    let got = cuda.restore(blur, &event_tensors).unwrap();
    assert_eq!(got.len(), 3);
    for (got, want) in got.iter().zip(&want[0]) {
        check("latent from maps", &got.latent, &want.latent);
    }
    let counts = events.counts(targets[0]).unwrap();
    let event_tensors = [EventTensor { data: &counts, height, width }];
    let refused = |e: &mut dyn Engine| e.restore(blur, &event_tensors).unwrap_err().to_string();
    assert_eq!(refused(&mut cuda), refused(&mut cpu));
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_half() {
    compare(Precision::Half, |what, got, want| {
        assert!(got.iter().all(|v| v.is_finite()), "{what} is not finite");
        let db = psnr(got, want);
        println!("{what}: {db:.1} dB, worst {:e}", worst(got, want));
        assert!(db > 50.0, "{what}: {db} dB");
    });
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_single() {
    compare(Precision::Single, |what, got, want| {
        let peak = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let off = worst(got, want) / peak.max(1.0);
        println!("{what}: off by {off:e} of {peak}");
        assert!(off < 1e-4, "{what} is off by {off} of {peak}");
    });
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_plan() {
    let card = devices().unwrap().remove(0);
    let names = |input: EventInput| -> Vec<String> {
        let mut cuda = CudaEngine::new(&weights_for(input, 3), &card, Precision::Half).unwrap();
        let kernels = cuda.count(Size::new(1152, 768), Size::new(288, 192)).unwrap();
        for kernel in kernels.iter().filter(|k| !k.name.starts_with("eger")) {
            assert!(kernel.cost.bytes > 0, "{}", kernel.name);
        }
        kernels.into_iter().map(|k| k.name).collect()
    };
    let (counts, prior) = (names(EventInput::Counts), names(EventInput::Prior));
    assert_eq!(counts[..2], ["eger_count", "conv7_96_16_counts"]);
    assert_eq!(prior[..3], ["eger_count", "prior_half", "conv7_112_16"]);
    assert_eq!(counts[2..], prior[3..]);
}

/// Channels of the kernel's map: those of the definition, then zeros.
const MAP_CHANNELS: usize = 112;

/// The kernel by itself, through the driver: `(height * width, 112)`.
fn kernel_map(
    counts: &[u16],
    area: usize,
    thresholds: Thresholds,
    target: &TargetBins,
) -> Vec<f32> {
    let mut text = String::new();
    let packed: &[u8] = include_bytes!("../../kernels/ptx/san_80.ptx.gz");
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let context = CudaContext::new(0).unwrap();
    let module = context.load_module(cudarc::nvrtc::Ptx::from_src(text)).unwrap();
    let function = module.load_function("prior_single").unwrap();
    let stream = context.new_stream().unwrap();
    // `PriorHeader`: 14 words for counting, then overlaps, their sum, two scales and one unused.
    let floats: Vec<f32> = ([0.0; 14].iter().chain(&target.overlap).copied())
        .chain([target.total])
        .chain(count_scales(thresholds))
        .chain([0.0])
        .collect();
    let header = stream.clone_htod(&floats).unwrap();
    let counts = stream.clone_htod(counts).unwrap();
    let map = stream.clone_htod(&vec![f32::NAN; area * MAP_CHANNELS]).unwrap();
    let address = |(at, _): (u64, _)| at;
    let mut arguments = [0_u64; 16];
    {
        use cudarc::driver::DevicePtr;
        arguments[0] = address(header.device_ptr(&stream));
        arguments[1] = address(counts.device_ptr(&stream));
        arguments[2] = address(map.device_ptr(&stream));
    }
    // Height 1, and all pixels in a row.
    arguments[3] = 1 | (area as u64) << 32;
    let config = LaunchConfig {
        grid_dim: (area.div_ceil(128) as u32, 1, 1),
        block_dim: (128, 1, 1),
        shared_mem_bytes: 0,
    };
    let mut launch = stream.launch_builder(&function);
    launch.arg(&arguments);
    // SAFETY: the arguments are those of `PriorArgs` in prior.cu, and all memory lives until the
    // result has been copied.
    unsafe { launch.launch(config) }.unwrap();
    stream.clone_dtoh(&map).unwrap()
}

#[test]
#[ignore = "runs on the stand-in"]
fn case_kernel() {
    let (scene, thresholds) = (scene(11), Thresholds { on: 0.23, off: 0.17 });
    let area = scene.padded.area();
    let whole = TimeRange::new(EXPOSURE.start_us, EXPOSURE.end_us);
    for target in targets().into_iter().chain([whole]) {
        let planes = scene.events(&[]).counts(target).unwrap();
        let counts: Vec<u16> = (0..area * CHANNELS)
            .map(|i| planes[i % CHANNELS * area + i / CHANNELS] as u16)
            .collect();
        let bins = TargetBins::new(EXPOSURE, target);
        let got = kernel_map(&counts, area, thresholds, &bins);
        let mut want = planes;
        append_prior(&mut want, area, thresholds, &bins);
        let mut priors = 0;
        for (i, got) in got.iter().enumerate() {
            let (pixel, channel) = (i / MAP_CHANNELS, i % MAP_CHANNELS);
            let want = want.get(channel * area + pixel).copied().unwrap_or(0.0);
            let off = (got - want).abs();
            assert!(off <= 2e-5 * want.abs().max(1.0), "{channel} of {pixel}: {got}, {want}");
            priors += usize::from(channel >= CHANNELS && want != 0.0);
        }
        // Restored over the whole exposure, the sharp image is the blurry one.
        assert!(target == whole || priors > area / 2, "only {priors} numbers of the prior");
    }
}
