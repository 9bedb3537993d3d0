//! Drawings, looked at as text.

use charts::{Axis, Band, Chart, HeatMap, Look, Mark, Point, Series, Unit, figure};

fn chart() -> Chart {
    let line = [1.0, 2.0, 4.0].map(|x| Point::new(x, x));
    Chart::new("speed", "Speed & <more>", Axis::new("workers").whole(), Axis::new("hashes/s").from(0.0))
        .describe("It rises.")
        .with(Series::new("ideal", Look::Dashed, 1, line).unlisted())
        .with(Series::new("measured", Look::Markers, 0, line.map(|point| point.between(0.5, 5.0))))
}

/// The elements that are opened and closed, in order; everything else is a drawing that browsers would repair or refuse.
fn is_well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "in {svg}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_chart_has_names_for_those_who_cannot_see_it() {
    let svg = chart().svg();
    is_well_formed(&svg);
    assert!(svg.contains("role=\"img\""));
    assert!(svg.contains("Speed &amp; &lt;more&gt;</title>"));
    assert!(svg.contains(">It rises.</desc>"));
    assert!(svg.contains("measured: 4 at 4 workers (95 %: 0.5 to 5)"), "a hint for each mark");
}

#[test]
fn a_figure_is_drawn_twice_and_lists_its_numbers() {
    let html = figure(&chart()).explain("Read it so.").html();
    assert_eq!(count(&html, "<svg class=\"chart"), 2);
    assert!(html.contains("<p>Read it so.</p>") && html.contains("<th scope=\"row\">4</th>"));
    assert!(!html.contains("<th scope=\"col\">ideal"), "unlisted");
    assert_eq!(count(&figure(&chart()).without_numbers().html(), "<table"), 0);
}

#[test]
fn gaps_break_lines_and_areas() {
    let points =
        [Point::new(0.0, 1.0), Point::new(1.0, 2.0), Point::gap(2.0), Point::new(3.0, 2.0), Point::new(4.0, 1.0)];
    let areas = points.map(|point| if point == Point::gap(2.0) { point } else { point.between(0.5, 2.5) });
    let chart = Chart::new("gap", "Gap", Axis::new("time").unit(Unit::Seconds), Axis::new("rate"))
        .with(Series::new("range", Look::Area, 1, areas))
        .with(Series::new("rate", Look::Line, 0, points));
    let svg = chart.svg();
    is_well_formed(&svg);
    let path = svg.split("line s0\" d=\"").last().and_then(|rest| rest.split('"').next()).expect("the line");
    assert_eq!(count(path, "M"), 2, "{path}");
    assert_eq!(count(&svg, "<path class=\"area"), 2);
}

#[test]
fn nothing_becomes_a_broken_drawing() {
    let log = || Axis::new("ms").unit(Unit::Milliseconds).log();
    let series = |points: Vec<Point>| Series::new("s", Look::LineMarkers, 9, points);
    for points in [
        vec![],
        vec![Point::gap(1.0)],
        vec![Point::new(1.0, 0.0)],
        vec![Point::new(1.0, f64::NAN), Point::new(f64::INFINITY, 2.0)],
        vec![Point::new(5.0, 5.0).between(-1.0, 6.0)],
        vec![Point::new(0.0, 1e-9), Point::new(1e9, 1e12)],
    ] {
        for axis in [log(), Axis::new("plain"), Axis::new("share").unit(Unit::Share).from(0.0).to(1.0)] {
            let chart = Chart::new("odd", "Odd", Axis::new("x"), axis.clone()).with(series(points.clone()));
            is_well_formed(&chart.svg());
            is_well_formed(&figure(&chart).html());
        }
    }
}

#[test]
fn bands_and_marks_are_named() {
    let points = [0.0, 100.0].map(|x| Point::new(x, 1.0));
    let chart = Chart::new("time", "Time", Axis::new("time").unit(Unit::Seconds), Axis::new("rate").from(0.0))
        .with(Series::new("rate", Look::Line, 0, points))
        .band(Band::new(10.0, 40.0, "3"))
        .band(Band::new(50.0, 50.2, "too narrow for this"))
        .mark(Mark::x(60.0, "here"))
        .mark(Mark::y(0.5, "limit"));
    let svg = chart.svg();
    is_well_formed(&svg);
    assert_eq!(count(&svg, "class=\"band\""), 2);
    assert!(svg.contains(">here</text>") && svg.contains(">limit</text>") && !svg.contains("too narrow"));
}

#[test]
fn a_heat_map_says_its_numbers() {
    let names = |count: u32| (1..=count).map(|k| k.to_string()).collect::<Vec<_>>();
    let cells = vec![vec![Some(3.33), Some(6.67)], vec![Some(3.33), None]];
    let map = HeatMap::new(
        "grid",
        "Grid",
        ("workers".to_owned(), names(2)),
        ("rng".to_owned(), names(2)),
        cells,
        Unit::Plain,
    );
    let svg = map.svg();
    is_well_formed(&svg);
    assert_eq!(count(&svg, ">3.33</text>"), 2);
    assert_eq!(count(&svg, ">–</text>"), 1);
    assert!(charts::Figure::heat(&map).html().contains("chart narrow"));
}
