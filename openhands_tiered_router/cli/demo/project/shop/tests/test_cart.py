import unittest

from ..cart import Cart


class CartTest(unittest.TestCase):
    def test_an_empty_cart_costs_nothing(self) -> None:
        self.assertEqual(Cart().total(), 0)

    def test_prices_add_up(self) -> None:
        cart = Cart()
        cart.add("pencil", 2)
        cart.add("eraser")
        self.assertEqual(cart.total(), 325)

    def test_a_discount_is_rounded_once(self) -> None:
        cart = Cart(discount_percent=10)
        cart.add("notebook", 3)
        self.assertEqual(cart.total(), 899)


if __name__ == "__main__":
    unittest.main()
