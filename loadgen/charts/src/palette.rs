//! Colours. Blue, vermilion, green, purple and yellow after Okabe and Ito (*Color Universal Design*, 2008), which people
//! with any of the usual kinds of colour blindness tell apart, darkened for white paper and lightened for dark screens so
//! that each has a contrast of at least 4.5 : 1 with its background.

/// How many colours there are.
pub const COLOURS: usize = 6;

/// The variables that charts and pages use, for light and dark surroundings. On paper it is always light.
pub const VARIABLES: &str = "\
:root{color-scheme:light dark;--paper:#fff;--raised:#f5f7fa;--ink:#1b2430;--soft:#55606e;--rule:#d9dee5;--shade:#0072b2;\
--c0:#0069a5;--c1:#b84a00;--c2:#007a5a;--c3:#a13f7b;--c4:#7d6200;--c5:#4d5a68;--ok:#00704f}\
@media screen and (prefers-color-scheme:dark){:root{--paper:#12171e;--raised:#1b222c;--ink:#e6eaf0;--soft:#a4afbd;\
--rule:#323c49;--shade:#56b4e9;--c0:#5cb8ec;--c1:#f5914a;--c2:#35c99d;--c3:#e596c2;--c4:#e3c34a;--c5:#a9b6c4;--ok:#35c99d}}";

/// How the parts of a chart look.
pub const CHART: &str = "\
.chart{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;font-variant-numeric:tabular-nums}\
.chart text{fill:var(--soft)}.chart .name{fill:var(--ink)}.chart .axis{fill:var(--ink);font-weight:600}\
.chart .grid{stroke:var(--rule);stroke-width:1}.chart .edge{stroke:var(--soft);stroke-width:1}\
.chart .band{fill:var(--shade);opacity:.09}.chart .mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}\
.chart .line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}.chart .thin{stroke-width:1.25}\
.chart .dash{stroke-dasharray:7 5;stroke-linecap:butt}.chart .dots{stroke-dasharray:.1 5;stroke-width:2.75}\
.chart .area{stroke:none;opacity:.18}.chart .bar{stroke-width:1.5;fill:none}.chart .dot{stroke:var(--paper);stroke-width:1.25}\
.chart .s0{stroke:var(--c0)}.chart .s1{stroke:var(--c1)}.chart .s2{stroke:var(--c2)}.chart .s3{stroke:var(--c3)}\
.chart .s4{stroke:var(--c4)}.chart .s5{stroke:var(--c5)}.chart .f0{fill:var(--c0)}.chart .f1{fill:var(--c1)}\
.chart .f2{fill:var(--c2)}.chart .f3{fill:var(--c3)}.chart .f4{fill:var(--c4)}.chart .f5{fill:var(--c5)}\
.chart .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}";

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2, section 1.4.3.
    fn luminance(hex: &str) -> f64 {
        let digits: String = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
        let part = |k: usize| {
            let value = f64::from(u8::from_str_radix(&digits[k..k + 2], 16).expect("hexadecimal")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    fn colour(css: &str, name: &str) -> f64 {
        let start = css.find(&format!("--{name}:#")).unwrap_or_else(|| panic!("no --{name}")) + name.len() + 4;
        let digits: String = css[start..].chars().take_while(char::is_ascii_hexdigit).collect();
        luminance(&digits)
    }

    #[test]
    fn everything_can_be_read_in_light_and_dark() {
        let (light, dark) = VARIABLES.split_once("@media").expect("two sets");
        for (css, surrounding) in [(light, "light"), (dark, "dark")] {
            for ground in ["paper", "raised"] {
                for name in ["ink", "soft", "c0", "c1", "c2", "c3", "c4", "c5", "ok"] {
                    let (a, b) = (colour(css, name), colour(css, ground));
                    let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                    assert!(contrast >= 4.5, "--{name} on --{ground} in {surrounding}: {contrast:.2}");
                }
            }
        }
    }
}
