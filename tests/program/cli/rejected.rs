//! Options without effect, and numbers out of range.

use super::*;

/// Runs the program, which must reject its arguments at once and give the reason.
fn rejected(arguments: &str, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = gem_live(&arguments, folder.path());
    let text = stderr(&output);
    assert!(!output.status.success(), "{arguments:?}");
    assert!(!text.contains("panicked") && text.contains(why), "{arguments:?}: {text}");
}

#[test]
fn options_without_effect_are_rejected() {
    let live = "live --headless --seconds 0.1";
    let cases = [
        ("--engine cpu --device 0", "--gpu has no effect with --engine cpu"),
        ("--engine none --device 0", "--gpu has no effect with --engine none"),
        ("--engine none --threads 2 --weights w", "--weights, --threads have no effect with"),
        ("--engine none --filter hot", "--filter has no effect with the built-in clip"),
        ("--engine none --fullscreen", "--fullscreen"),
        ("--engine none --close-delay-us 5", "--frame-source"),
        ("--engine none --source sim --close-delay-us 5", "cannot be used with"),
        ("--engine none --source sim --open-delay-us -5", "cannot be used with"),
        ("--engine none --source sim --frame-latency-us 5", "cannot be used with"),
        ("--engine none --source sim --event-latency-us 5", "cannot be used with"),
    ];
    for (arguments, why) in cases {
        rejected(&format!("{live} {arguments}"), why);
    }
    let edi = "deblur a.npz --out o --method edi";
    rejected(&format!("{edi} --weights w --device 1"), "--weights, --gpu have no effect");
    rejected(&format!("{edi} --engine cpu"), "--engine has no effect with --method edi");
    // A file after an option whose value may be left out is a file.
    rejected("deblur --reblur a.npz --out o --method edi", "--reblur has no effect");
    rejected("deblur a.npz --out o --reblur=4", "4 is not in 5..");
    rejected("deblur a.npz --out o --engine cpu --device 0", "--gpu has no effect");
    let counts = "--thresholds has no effect with weights that read counts";
    rejected("train --recordings d --out o --thresholds 0.2", counts);
    for option in ["--loss l1", "--motion-weight 5"] {
        rejected(&format!("train --photos p --out o --recipe r {option}"), "cannot be used with");
        rejected(&format!("train --config c {option}"), "cannot be used with");
    }
    let log_mse = "--motion-weight has no effect with the loss log-mse";
    rejected("train --recordings d --out o --loss log-mse --motion-weight 5", log_mse);
    rejected("export a --out x --test-sequence a --seed 2", "cannot be used with");
    rejected("align --print-board 640x480 --views 3", "cannot be used with");
    rejected("align --print-board 640x480 --frame a --event b", "cannot be used with");
    rejected("align --frame a --event b --flashing", "cannot be used with");
    rejected("align --frame a --event b --source sim", "cannot be used with");
    rejected("synth real-events scene --out x --seed 2", "unexpected argument '--seed'");
}

#[test]
fn numbers_out_of_range_are_rejected_with_the_range() {
    let minutes = "expected a number of minutes above 0 and at most 1000000";
    let seconds = "expected a number of seconds above 0 and at most 60000000";
    for number in ["2e6", "0", "NaN", "1e300"] {
        rejected(&format!("adapt recording --minutes {number}"), minutes);
        rejected(&format!("train --photos p --out o --minutes {number}"), minutes);
        rejected(&format!("soak --minutes {number}"), minutes);
    }
    for number in ["1e9", "0", "-1", "inf"] {
        rejected(&format!("live --headless --engine none --seconds={number}"), seconds);
        rejected(&format!("record --source sim --out o --timeout={number}"), seconds);
        rejected(&format!("align --source sim --timeout={number}"), seconds);
    }
    for frames in ["0", "1"] {
        let record = format!("record --source sim --out o --frames {frames}");
        rejected(&record, "'--frames <FRAMES>'");
    }
    rejected("deblur a.npz --out o --frames 0", "'--frames <N>'");
    for range in ["0.3", "0.3,0.2", "0,0.3", "0.1,NaN"] {
        let stills = format!("synth stills photos --out o --threshold-range {range}");
        rejected(&stills, "expected LOW,HIGH from 0.01 to 1.5");
    }
    rejected("bench --scale 0", "expected a scale from 0.1 to 64");
}
