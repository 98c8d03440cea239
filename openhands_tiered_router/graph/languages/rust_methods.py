"""The methods of Rust's own types, which come before those that a trait adds.

From the standard library's documentation, 1.95; rare ones are left out.
"""

import re
from typing import Final


_NATIVE: Final = (
    "abs abs_diff abs_sub acos acosh add addr align_offset as as_bytes as_mut_ptr"
    " as_ptr as_ref asin asinh atan atan2 atanh bytes cast cast_const cbrt ceil"
    " ceil_char_boundary char_indices chars clamp classify contains copy_from copysign"
    " cos cosh count_ones count_zeros div div_ceil div_euclid drop_in_place"
    " encode_utf8 ends_with eq_ignore_ascii_case escape_ascii escape_debug"
    " escape_default escape_unicode exp exp2 exp_m1 find floor floor_char_boundary"
    " fract from_str_radix get hypot ilog ilog10 ilog2 into_string is_alphabetic"
    " is_alphanumeric is_ascii is_ascii_alphabetic is_ascii_alphanumeric"
    " is_ascii_control is_ascii_digit is_ascii_graphic is_ascii_hexdigit"
    " is_ascii_lowercase is_ascii_punctuation is_ascii_uppercase is_ascii_whitespace"
    " is_char_boundary is_control is_digit is_empty is_finite is_infinite is_lowercase"
    " is_multiple_of is_nan is_negative is_normal is_null is_numeric is_positive"
    " is_power_of_two is_sign_negative is_sign_positive is_subnormal is_uppercase"
    " is_whitespace isqrt leading_ones leading_zeros len len_utf8 lines ln ln_1p log"
    " log10 log2 make_ascii_lowercase make_ascii_uppercase match_indices matches max"
    " max_value midpoint min min_value mul mul_add neg next_down next_multiple_of"
    " next_power_of_two next_up offset offset_from parse pow powf powi read recip rem"
    " rem_euclid repeat replace replacen reverse_bits rfind rotate_left rotate_right"
    " round round_ties_even rsplit rsplit_once rsplit_terminator rsplitn shl shr"
    " signum sin sin_cos sinh slice split split_ascii_whitespace split_at"
    " split_inclusive split_once split_terminator split_whitespace splitn sqrt"
    " starts_with strip_prefix strip_suffix sub swap_bytes tan tanh to_ascii_lowercase"
    " to_ascii_uppercase to_be to_be_bytes to_bits to_degrees to_digit to_int to_le"
    " to_le_bytes to_lowercase to_ne_bytes to_radians to_uppercase total_cmp"
    " trailing_ones trailing_zeros trim trim_ascii trim_ascii_end trim_ascii_start"
    " trim_end trim_end_matches trim_matches trim_start trim_start_matches trunc"
    " unbounded_shl unbounded_shr unsigned_abs write"
)
_HOLDING: Final = (
    "align_to all and and_then any append as as_deref as_mut_ptr as_mut_slice as_ptr"
    " as_ref as_slice binary_search by_ref capacity chain chunks clear cloned cmp"
    " collect concat contains contains_key copied count cycle dedup difference drain"
    " element_offset ends_with entry enumerate eq eq_ignore_ascii_case err"
    " escape_ascii expect expect_err extract_if fill fill_with filter filter_map find"
    " find_map first flat_map flatten fold for_each fuse ge get get_or_insert"
    " get_or_insert_default get_or_insert_with gt insert inspect inspect_err"
    " intersection into_keys into_values into_vec is_ascii is_empty is_err is_err_and"
    " is_none is_none_or is_ok is_ok_and is_some is_some_and is_sorted is_subset"
    " is_superset iter join keys last le len lt make_ascii_lowercase map map_err"
    " map_or map_or_else map_while max min ne new next next_back nth nth_back ok ok_or"
    " ok_or_else or or_else partial_cmp partition partition_point peekable pop pop_if"
    " position product push reduce remove remove_entry repeat replace reserve resize"
    " resize_with retain rev reverse rfind rfold rotate_left rotate_right rposition"
    " rsplit rsplitn scan set_len shrink_to shrink_to_fit size_hint skip skip_while"
    " sort spare_capacity splice split split_at split_first split_inclusive split_last"
    " split_off split_off_first split_off_last splitn starts_with step strip_prefix"
    " strip_suffix sum swap swap_remove swap_with_slice symmetric_difference take"
    " take_if take_while to_ascii_lowercase to_ascii_uppercase to_vec transpose"
    " trim_ascii trim_ascii_end trim_ascii_start truncate try_fold try_for_each"
    " try_reserve try_rfold union unwrap unwrap_err unwrap_or unwrap_or_default"
    " unwrap_or_else unzip values windows with_capacity xor zip"
)
NATIVE_METHODS: Final = frozenset(_NATIVE.split())
"""Those of numbers, characters, texts and pointers."""
HOLDING_METHODS: Final = frozenset(_HOLDING.split())
"""Those of slices, vectors, maps, options, results and iterators."""
_VARIANT: Final = re.compile(
    r"\A(?:checked|wrapping|saturating|overflowing|strict|unchecked|carrying)_"
    r"|(?:_mut|_unchecked|_by|_by_key|_exact|_checked)+\Z"
)


def is_standard(name: str, methods: frozenset[str]) -> bool:
    """Whether a method, or what it is a variant of, is one of Rust's own."""
    return name in methods or _VARIANT.sub("", name) in methods
