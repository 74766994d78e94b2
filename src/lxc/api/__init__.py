"""What the public class and functions of the package `lxc` are made of; users import them from there."""
