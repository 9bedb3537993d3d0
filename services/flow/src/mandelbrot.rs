//! The work itself: how fast each point of the plane leaves the Mandelbrot set, and colours that show it well.

use crate::job::Grid;

/// How often a point is moved at most. One that has not left by then counts as inside. It fits a byte.
pub const DEPTH: u8 = 255;

/// How many different counts there are.
const COUNTS: usize = DEPTH as usize + 1;

/// The middle of the picture, and half of its height.
const MIDDLE: (f64, f64) = (-0.65, 0.0);
const HALF_HEIGHT: f64 = 1.2;

/// A byte a point of one tile, row by row: how many moves the point took to leave, [`DEPTH`] where it stayed.
pub fn tile(grid: Grid, x: u16, y: u16) -> Vec<u8> {
    let side = usize::from(grid.tile);
    let (width, height) = (f64::from(grid.across) * f64::from(grid.tile), f64::from(grid.down) * f64::from(grid.tile));
    let step = 2.0 * HALF_HEIGHT / height;
    let left = MIDDLE.0 - step * width / 2.0;
    let top = MIDDLE.1 - HALF_HEIGHT;
    let (first_x, first_y) = (usize::from(x) * side, usize::from(y) * side);
    let mut points = Vec::with_capacity(side * side);
    for py in first_y..first_y + side {
        for px in first_x..first_x + side {
            points.push(moves(left + step * (px as f64 + 0.5), top + step * (py as f64 + 0.5)));
        }
    }
    points
}

/// Moves z to z² + c, from 0, until it is farther than 2 from 0: then it never comes back.
fn moves(re: f64, im: f64) -> u8 {
    let (mut x, mut y) = (0.0f64, 0.0f64);
    for count in 0..DEPTH {
        let (xx, yy) = (x * x, y * y);
        if xx + yy > 4.0 {
            return count;
        }
        y = 2.0 * x * y + im;
        x = xx - yy + re;
    }
    DEPTH
}

/// How many points of some tiles have each count: 256 numbers of four bytes, the lowest first.
pub fn histogram<'a>(tiles: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut counts = [0u32; COUNTS];
    for &point in tiles.into_iter().flatten() {
        counts[usize::from(point)] += 1;
    }
    counts.iter().flat_map(|count| count.to_le_bytes()).collect()
}

/// From the histograms of all rows, a byte of brightness for each count: as many points get the darker half as the brighter one.
/// Points inside stay black.
pub fn palette<'a>(histograms: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut counts = [0u64; COUNTS];
    for histogram in histograms {
        for (count, bytes) in counts.iter_mut().zip(histogram.chunks_exact(4)) {
            *count += u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
    }
    let outside: u64 = counts[..COUNTS - 1].iter().sum();
    let mut below = 0;
    let mut palette: Vec<u8> = counts[..COUNTS - 1]
        .iter()
        .map(|count| {
            below += count;
            // The brightest is 255; a picture without a point outside is black.
            (255 * below).checked_div(outside).unwrap_or(0) as u8
        })
        .collect();
    palette.push(0);
    palette
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_leave_when_they_should() {
        assert_eq!(moves(0.0, 0.0), DEPTH);
        // The period-2 point and the tip of the needle stay.
        assert_eq!(moves(-1.0, 0.0), DEPTH);
        assert_eq!(moves(-2.0, 0.0), DEPTH);
        // 0, 1, 2, 5: the third move passes 2.
        assert_eq!(moves(1.0, 0.0), 3);
        assert_eq!(moves(3.0, 0.0), 1);
    }

    #[test]
    fn tiles_together_are_the_picture_whatever_their_size() {
        let whole = tile(Grid { across: 1, down: 1, tile: 8 }, 0, 0);
        let quarter = tile(Grid { across: 2, down: 2, tile: 4 }, 1, 1);
        for row in 0..4 {
            assert_eq!(quarter[row * 4..row * 4 + 4], whole[(row + 4) * 8 + 4..(row + 4) * 8 + 8]);
        }
    }

    #[test]
    fn the_funnel_shares_out_brightness_evenly() {
        let rows = [histogram([[0u8, 0, 1, 1].as_slice()]), histogram([[2u8, 2].as_slice(), &[3, 3, DEPTH, DEPTH]])];
        let palette = palette(rows.iter().map(Vec::as_slice));
        assert_eq!(palette[..4], [63, 127, 191, 255]);
        assert_eq!((palette.len(), palette[255]), (256, 0));
        assert_eq!(super::palette([]), vec![0; 256]);
    }
}
