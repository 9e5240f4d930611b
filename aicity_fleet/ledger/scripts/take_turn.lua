-- Take the right to do, for a while, what one process does at a time; or prolong it.
-- ARGV: name, token of the taker, ms
-- Reply: 1, or 0 while another process has it, which learns of this when it gives the turn back
return take_turn(ARGV[1], ARGV[2], ARGV[3]) and 1 or 0
