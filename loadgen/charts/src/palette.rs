//! Colours: those of all pages of the project, `style`.

/// How many colours series have.
pub const COLOURS: usize = 6;

/// The colours that charts use.
const USED: [&str; 11] = ["page", "text", "quiet", "line", "accent", "c0", "c1", "c2", "c3", "c4", "c5"];

/// The variables for a drawing that is a file of its own, for light and dark surroundings. On paper it is always light.
pub fn variables() -> String {
    let all = |dark: bool| -> String {
        let colours = USED.iter().filter_map(|name| Some((name, style::colour(name)?)));
        colours
            .map(|(name, (on_light, on_dark))| format!("--{name}:{};", if dark { on_dark } else { on_light }))
            .collect()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}",
        all(false),
        all(true)
    )
}

/// How the parts of a chart look.
pub const CHART: &str = "\
.chart{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-variant-numeric:tabular-nums}\
.chart text{fill:var(--quiet)}.chart .name{fill:var(--text)}.chart .axis{fill:var(--text);font-weight:600}\
.chart .grid{stroke:var(--line);stroke-width:1}.chart .edge{stroke:var(--quiet);stroke-width:1}\
.chart .band{fill:var(--accent);opacity:.09}.chart .mark{stroke:var(--quiet);stroke-width:1;stroke-dasharray:2 3}\
.chart .line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}.chart .thin{stroke-width:1.25}\
.chart .dash{stroke-dasharray:7 5;stroke-linecap:butt}.chart .dots{stroke-dasharray:.1 5;stroke-width:2.75}\
.chart .area{stroke:none;opacity:.18}.chart .bar{stroke-width:1.5;fill:none}.chart .dot{stroke:var(--page);stroke-width:1.25}\
.chart .s0{stroke:var(--c0)}.chart .s1{stroke:var(--c1)}.chart .s2{stroke:var(--c2)}.chart .s3{stroke:var(--c3)}\
.chart .s4{stroke:var(--c4)}.chart .s5{stroke:var(--c5)}.chart .f0{fill:var(--c0)}.chart .f1{fill:var(--c1)}\
.chart .f2{fill:var(--c2)}.chart .f3{fill:var(--c3)}.chart .f4{fill:var(--c4)}.chart .f5{fill:var(--c5)}\
.chart .halo{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_that_charts_use_is_one_of_the_pages() {
        let variables = variables();
        for name in USED {
            assert_eq!(variables.matches(&format!("--{name}:#")).count(), 2, "--{name}");
        }
        for used in CHART.split("var(--").skip(1) {
            let name = used.split(')').next().unwrap_or_default();
            assert!(USED.contains(&name), "--{name}");
        }
    }
}
