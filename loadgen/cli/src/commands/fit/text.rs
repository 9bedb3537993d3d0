//! What was fitted, for a person.

use std::fmt::Write;

use model::law::{Fit, Law};

use super::{Answers, NO_LAW};

/// The laws with their parameters, which of them holds, and the answers.
pub fn text(answers: &Answers) -> String {
    let mut text = String::new();
    write(&mut text, answers).expect("writing to a string does not fail");
    text
}

fn write(text: &mut String, answers: &Answers) -> std::fmt::Result {
    let points = &answers.points;
    let (least, most) = points.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), point| (a.min(point.n), b.max(point.n)));
    writeln!(text, "{} points from {least} to {most}\n", points.len())?;
    for fit in &answers.comparison.fits {
        let mark = if answers.comparison.chosen == Some(fit.law) { '*' } else { ' ' };
        writeln!(
            text,
            "{mark} {:<8} {:<34} AICc {:>8.1}   R² {:.4}",
            fit.law.name(),
            fit.law.formula(),
            fit.aicc,
            fit.r_squared
        )?;
        for parameter in &fit.parameters {
            let symbol = symbol(parameter.name);
            writeln!(
                text,
                "    {symbol} = {:<10} {} to {} (95 %)",
                number(parameter.value),
                number(parameter.low),
                number(parameter.high)
            )?;
        }
    }
    for left in &answers.comparison.left_out {
        writeln!(text, "  {:<8} not fitted: {}", left.law.name(), left.reason)?;
    }
    writeln!(text)?;
    let Some(fit) = answers.chosen() else {
        return writeln!(text, "{}; questions are not answered.", capital(NO_LAW));
    };
    writeln!(text, "* {} describes the points best.", capital(fit.law.title()))?;
    if let Some(sentence) = peak(fit, most) {
        writeln!(text, "  {sentence}")?;
    }
    for (n, answer) in &answers.at {
        match answer {
            Ok(e) => writeln!(text, "At {n}: {} ({} to {})", number(e.value), number(e.low), number(e.high))?,
            Err(reason) => writeln!(text, "At {n}: refused, {reason}")?,
        }
    }
    for (x, answer) in &answers.needed {
        match answer {
            Ok(needed) => {
                let high = needed.high.map_or_else(|| format!("more than {most}"), |high| high.to_string());
                writeln!(text, "For {x}: {} ({} to {high})", needed.count, needed.low)?;
            }
            Err(reason) => writeln!(text, "For {x}: refused, {reason}")?,
        }
    }
    Ok(())
}

/// Where more begins to mean less, which the Universal Scalability Law alone knows: N* = √((1 − σ) / κ) (Gunther 2007).
fn peak(fit: &Fit, most: f64) -> Option<String> {
    let [_, sigma, kappa] = &fit.parameters[..] else { return None };
    if fit.law != Law::Usl || kappa.value <= 0.0 {
        return None;
    }
    let peak = ((1.0 - sigma.value) / kappa.value).sqrt();
    Some(if peak <= most {
        format!("More than {peak:.0} give less: {} is the most.", number(fit.at(peak)))
    } else {
        format!("Where more would begin to give less lies beyond the data, which end at {most}.")
    })
}

fn symbol(name: &str) -> &str {
    match name {
        "lambda" => "λ",
        "sigma" => "σ",
        "kappa" => "κ",
        "cap" => "C",
        other => other,
    }
}

fn capital(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}
